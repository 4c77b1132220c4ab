//! Compiles the `.proto` files with protox: no protoc needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = ["product", "inventory", "order", "user", "payment"]
        .map(|context| format!("mart/{context}/v1/{context}.proto"));
    for file in &files {
        println!("cargo:rerun-if-changed={file}");
    }
    prost_build::Config::new().compile_fds(protox::compile(&files, ["."])?)?;
    Ok(())
}

//! Builds anew when a migration is added: the compiler alone watches only the files it already knows.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}

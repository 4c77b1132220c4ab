//! Runs a server until the input ends: `cargo run -p embedded-postgres --example run_server -- DIRECTORY PORT`.

use std::io::Read;
use std::process::ExitCode;

use embedded_postgres::{Server, Settings};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(directory) = arguments.next() else {
        eprintln!("usage: run_server DIRECTORY [PORT]");
        return ExitCode::FAILURE;
    };
    let mut settings = Settings::new(directory);
    if let Some(port) = arguments.next().and_then(|port| port.parse().ok()) {
        settings.port = port;
    }
    match Server::start(settings, |text| eprintln!("{text}")) {
        Ok(server) => {
            println!("{}\n{}", server.pid(), server.url("postgres"));
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            server.stop();
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

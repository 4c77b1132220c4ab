//! One process of the shop.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use service::Service;
use tokio::time::sleep;

use crate::children;

/// How long a process may take until it is ready.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running process; dropping it kills it. What it logs is shown when the test fails.
pub struct Process {
    name: String,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    logged: PathBuf,
}

impl Process {
    /// Starts it, and waits for nothing.
    pub fn start(name: String, mut command: Command, logged: PathBuf) -> Self {
        let log = std::fs::File::create(&logged).expect("our folder");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut child = children::spawn(command);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let said = BufReader::new(child.stdout.take().expect("piped"));
        let heard = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                heard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            }
        });
        Self {
            name,
            child,
            lines,
            logged,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    fn lines(&self) -> Vec<String> {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn is_ready(&self) -> bool {
        self.lines().iter().any(|line| line.trim() == "ready")
    }

    /// Waits until it says so.
    pub async fn ready(&mut self) {
        let started = Instant::now();
        while !self.is_ready() {
            if let Some(status) = self.child.try_wait().expect("ours") {
                panic!("{} ended before it was ready: {status}", self.name);
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{} does not get ready",
                self.name
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Where this service answers; it is ready.
    pub fn url(&self, service: Service, path: &str) -> String {
        let lines = self.lines();
        let found = lines.iter().find_map(|line| {
            let (name, url) = line.split_once(' ')?;
            (name == service.name()).then(|| url.trim().trim_end_matches('/').to_owned())
        });
        let url = found.unwrap_or_else(|| panic!("{} is not at {}", service.name(), self.name));
        format!("{url}{path}")
    }

    /// One value of its metrics; 0 where it does not tell it. It is ready.
    pub async fn metric(&self, name: &str) -> f64 {
        let url = self.url(Service::Operator, "/metrics");
        let client = crate::load::client(Duration::from_secs(5));
        let answer = client.get(url).send().await.expect("it answers");
        let text = answer.text().await.expect("text");
        text.lines()
            .filter_map(|line| line.strip_prefix(name))
            .filter(|rest| rest.starts_with([' ', '{']))
            .find_map(|rest| rest.rsplit_once(' ')?.1.parse().ok())
            .unwrap_or_default()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("it runs");
    }

    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait().expect("ours");
    }

    /// SIGTERM, and an orderly end within 25 s; how long it took.
    pub async fn stop(mut self) -> Duration {
        let began = !self.is_ready();
        self.signal(Signal::SIGTERM);
        let (status, took) = self.ended().await;
        // One that has hardly begun may not listen to signals yet.
        let cut_short = began && status.signal() == Some(15);
        assert!(
            status.success() || cut_short,
            "{} ended with {status}",
            self.name
        );
        took
    }

    async fn ended(&mut self) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("ours") {
                return (status, asked.elapsed());
            }
            assert!(
                asked.elapsed() < Duration::from_secs(25),
                "{} does not end",
                self.name
            );
            sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            let logged = std::fs::read_to_string(&self.logged).unwrap_or_default();
            let lines: Vec<_> = logged.lines().collect();
            let last = &lines[lines.len().saturating_sub(40)..];
            println!("-- {}\n{}", self.name, last.join("\n"));
        }
    }
}

//! The program itself, on a data directory and ports of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::Pid;
use service::Service;

/// A place for one shop: its data directory and its database's port.
pub struct Place {
    folder: tempfile::TempDir,
    database_port: u16,
    _prepared: Option<Arc<Place>>,
}

/// Data of a shop that has been started once; it is there as long as a place needs it.
static PREPARED: Mutex<Weak<Place>> = Mutex::new(Weak::new());

impl Place {
    /// Where nothing has ever been started.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("mart-")
            .tempdir_in(folder_of_places())
            .expect("a folder");
        // Postgres' account has to get in when the tests run as root.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))
            .expect("ours");
        let database_port = free_port();
        Self {
            folder,
            database_port,
            _prepared: None,
        }
    }

    /// With the databases of a shop that has sold nothing yet: copying them takes a tenth of making them.
    pub fn prepared() -> Self {
        let mut prepared = PREPARED.lock().unwrap_or_else(PoisonError::into_inner);
        let original = prepared.upgrade().unwrap_or_else(|| {
            let original = Self::new();
            original.start().stop();
            Arc::new(original)
        });
        *prepared = Arc::downgrade(&original);
        drop(prepared);
        let place = Self::new();
        let copied = Command::new("cp")
            .arg("-a")
            .args([original.data_dir(), place.data_dir()])
            .status();
        assert!(copied.is_ok_and(|status| status.success()), "no copy");
        Self {
            _prepared: Some(original),
            ..place
        }
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// `mart` with these arguments; nothing of the tests' own environment but the path.
    pub fn mart(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mart"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("MART_DATA_DIR", self.data_dir())
            .env("MART_FIRST_PORT", "0")
            .env("MART_DATABASE_PORT", self.database_port.to_string())
            .env("GATEWAY_SUCCESS_RATE", "1")
            .env("RUST_LOG", "warn")
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.mart(arguments).output().expect("it runs")
    }

    pub fn start(&self) -> Program {
        Program::start(self.mart(&[]))
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// A running shop; dropping it kills it.
pub struct Program {
    child: Child,
    urls: Vec<(String, String)>,
}

impl Program {
    /// Starts and waits for `ready`.
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut urls = Vec::new();
        loop {
            match lines.next() {
                Some(Ok(line)) if line.trim() == "ready" => break,
                Some(Ok(line)) => {
                    let mut words = line.split_whitespace().map(ToOwned::to_owned);
                    if let (Some(name), Some(url)) = (words.next(), words.next())
                        && url.starts_with("http")
                    {
                        urls.push((name, url));
                    }
                }
                _ => {
                    let mut said = String::new();
                    child
                        .stderr
                        .take()
                        .expect("piped")
                        .read_to_string(&mut said)
                        .expect("text");
                    panic!("it ended before it was ready: {said}");
                }
            }
        }
        assert_eq!(urls.len(), 7, "{urls:?}");
        // What it says later must not fill the pipe.
        let mut rest = child.stderr.take().expect("piped");
        std::thread::spawn(move || std::io::copy(&mut rest, &mut std::io::sink()));
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, urls }
    }

    pub fn url(&self, service: Service, path: &str) -> String {
        let (_, url) = self
            .urls
            .iter()
            .find(|(name, _)| name == service.name())
            .expect("one of seven");
        format!("{}{path}", url.trim_end_matches('/'))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("it runs");
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("ours")
    }

    pub fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        assert_eq!(self.wait().signal(), Some(9));
    }

    /// SIGTERM, and an orderly end within 25 s.
    pub fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("ours") {
                assert_eq!(status.code(), Some(0));
                return;
            }
            assert!(asked.elapsed() < Duration::from_secs(25), "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// In memory where there is room and programs may run (a downloaded Postgres): Postgres waits for the disk often, and a
/// process that is killed does not lose what lies there.
fn folder_of_places() -> &'static str {
    const MEMORY: &str = "/dev/shm";
    let fits = statvfs(MEMORY).is_ok_and(|found| {
        found.blocks_available() * found.fragment_size() > 2 << 30
            && !found.flags().contains(FsFlags::ST_NOEXEC)
    });
    if fits { MEMORY } else { "/tmp" }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a free port")
        .port()
}

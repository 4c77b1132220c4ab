//! A folder for one test, and helper programs that run in it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use embedded_postgres::{Error, Server, Settings};
use nix::sys::signal::{Signal, kill};
use nix::sys::statvfs::statvfs;
use nix::unistd::{Pid, User, geteuid};
use sqlx::{ConnectOptions, PgConnection};
use tempfile::TempDir;

/// A folder that every account may walk into; it goes with the test.
pub struct Workplace(TempDir);

impl Workplace {
    /// In memory where there is room: the disk is slow when others build.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let has_room = statvfs(memory)
            .is_ok_and(|found| found.blocks_available() * found.fragment_size() > 2 << 30);
        Self::open(if has_room {
            TempDir::new_in(memory)
        } else {
            TempDir::new()
        })
    }

    /// Where programs may be run.
    pub fn on_disk() -> Self {
        Self::open(TempDir::new())
    }

    fn open(folder: std::io::Result<TempDir>) -> Self {
        let folder = folder.unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn data_dir(&self) -> PathBuf {
        self.path().join("data")
    }

    pub fn cluster(&self) -> PathBuf {
        self.data_dir().join("postgres")
    }

    pub fn settings(&self) -> Settings {
        let mut settings = Settings::new(self.data_dir());
        settings.port = 0;
        settings
    }

    pub fn start(&self) -> Result<Server, Error> {
        Server::start(self.settings(), |_| {})
    }

    /// Starts the server and tells what was said meanwhile.
    pub fn start_listening(&self) -> (Server, Vec<String>) {
        let mut said = Vec::new();
        let server = Server::start(self.settings(), |text| said.push(text.to_owned())).unwrap();
        (server, said)
    }
}

/// One of this package's example programs.
pub fn example(name: &str) -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let output = program.ancestors().nth(2).unwrap();
    let example = output.join("examples").join(name);
    assert!(
        example.is_file(),
        "build it: cargo build --all-features --example {name}"
    );
    example
}

/// A helper program that runs until its input ends or it is killed.
pub struct Helper {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Helper {
    /// `run_server` on a data directory.
    pub fn holding(data_dir: &Path) -> Self {
        let mut command = Command::new(example("run_server"));
        command.arg(data_dir).arg("0");
        Self::run(command)
    }

    pub fn run(mut command: Command) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut complaint = String::new();
            self.child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut complaint)
                .unwrap();
            panic!("the helper ended: {complaint}");
        }
        line.trim().to_owned()
    }

    /// Lets it end, and whether it ended well.
    pub fn finish(&mut self) -> bool {
        drop(self.child.stdin.take());
        self.child.wait().unwrap().success()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes the command run as `nobody` when we are root; tells as whom it runs.
pub fn as_ordinary_user(command: &mut Command) -> User {
    if !geteuid().is_root() {
        return User::from_uid(geteuid()).unwrap().unwrap();
    }
    let nobody = User::from_name("nobody").unwrap().unwrap();
    command.uid(nobody.uid.as_raw()).gid(nobody.gid.as_raw());
    nobody
}

/// A folder of this user, with a copy of the example in it: the build's output may be closed to others.
pub fn home_with(workplace: &Workplace, user: &User, program: &str) -> (PathBuf, PathBuf) {
    let home = workplace.path().join("home");
    fs::create_dir(&home).unwrap();
    let copy = home.join(program);
    fs::copy(example(program), &copy).unwrap();
    if geteuid().is_root() {
        chown(&home, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
    }
    (home, copy)
}

pub fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("Z", |(_, rest)| rest);
    !after_name.starts_with('Z')
}

pub fn send(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
}

pub fn wait_until(what: &str, seconds: u64, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(
            begin.elapsed() < Duration::from_secs(seconds),
            "after {seconds} s: not yet {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub async fn connect(server: &Server) -> PgConnection {
    server.options("postgres").connect().await.unwrap()
}

/// Writes one row that has to be found again.
pub async fn remember(server: &Server, text: &str) {
    let mut connection = connect(server).await;
    sqlx::query("create table if not exists memory (text text)")
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::query("insert into memory values ($1)")
        .bind(text)
        .execute(&mut connection)
        .await
        .unwrap();
}

pub async fn remembered(server: &Server) -> Vec<String> {
    let mut connection = connect(server).await;
    let texts = sqlx::query_scalar("select text from memory order by text");
    texts.fetch_all(&mut connection).await.unwrap()
}

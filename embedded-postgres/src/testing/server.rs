//! One server for all test processes: the first one starts it, and a small supervisor stops it after the last.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::folder::{self, Folders};
use crate::account::Account;
use crate::binaries::Binaries;
use crate::child::{Life, detach};
use crate::cluster::{self, Kind};
use crate::socket::{self, Address};
use crate::{Settings, orphan};

const SUPERVISOR: &str = include_str!("supervisor.sh");
const USER: &str = "wasam";
const PATIENCE: Duration = Duration::from_mins(1);

/// The server that this process has registered with.
#[derive(Debug)]
pub(super) struct TestServer {
    pub(super) address: Address,
    pub(super) major: u32,
}

impl TestServer {
    /// The server; starts it when no other process has. Blocking.
    pub(super) fn get() -> &'static Self {
        static SERVER: OnceLock<TestServer> = OnceLock::new();
        SERVER.get_or_init(|| match Self::find_or_start() {
            Ok(server) => server,
            Err(error) => panic!("no PostgreSQL for the tests: {error:#}"),
        })
    }

    fn find_or_start() -> Result<Self> {
        let account = Account::for_a_new_cluster(None)?;
        let folders = Folders::of_this_build(&account);
        folder::make(&folders.lock, &account)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folders.lock.join("lock"))?;
        lock.lock()?; // waits while another process starts the server
        folder::make(&folders.servers, &account)?;
        for entry in fs::read_dir(&folders.servers)?.flatten() {
            if !entry.file_name().to_string_lossy().starts_with("server-") {
                continue;
            }
            let home = Home(entry.path());
            match home.join() {
                Ok(server) => return Ok(server),
                Err(_) => home.clear(&account)?,
            }
        }
        let binaries = programs(&folders.programs, &account)?;
        Home::start(&folders.servers, &account, &binaries)
    }
}

/// Installed programs, or downloaded ones, which stay for the next time.
fn programs(folder: &Path, account: &Account) -> Result<Binaries> {
    folder::make(folder, account)?;
    let binaries = Binaries::find(&Settings::new(folder), account, None, &mut |text| {
        eprintln!("{text}");
    });
    let _ = fs::remove_dir(folder); // only when it is empty
    Ok(binaries?)
}

/// The folder of one server.
struct Home(PathBuf);

impl Home {
    /// Puts this process on the list of a server that runs and that someone will stop.
    fn join(&self) -> Result<TestServer> {
        let supervisor = fs::read_to_string(self.0.join("supervisor"))?;
        let (pid, started) = supervisor.split_once(' ').context("no supervisor")?;
        ensure!(
            start_time(pid.parse()?) == started,
            "its supervisor is gone"
        );
        self.register()?;
        let socket_dir: PathBuf = fs::read_to_string(self.0.join("socket"))?.into();
        let server = TestServer {
            address: address(socket_dir),
            major: cluster::major(&self.cluster())?.context("no cluster")?,
        };
        UnixStream::connect(server.address.socket_dir.join(".s.PGSQL.5432"))?;
        Ok(server)
    }

    /// On the list stands our pid with the time we started at. Fails when the list is closed.
    fn register(&self) -> Result<()> {
        let pid = std::process::id();
        let users = self.0.join("users");
        let unfinished = users.join(format!(".{pid}"));
        fs::write(&unfinished, start_time(pid))?;
        fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o644))?; // the supervisor reads it
        fs::rename(&unfinished, users.join(pid.to_string()))?;
        Ok(())
    }

    /// Removes a server whose supervisor was killed, or which is stopping.
    fn clear(&self, account: &Account) -> Result<()> {
        orphan::settle(&self.cluster(), account, &mut |_| {})?;
        match fs::remove_dir_all(&self.0) {
            Err(error) if self.0.exists() => Err(error).context("an old server's folder stays"),
            _ => Ok(()),
        }
    }

    fn start(servers: &Path, account: &Account, binaries: &Binaries) -> Result<TestServer> {
        account.check_reach(servers)?;
        let home = Self(servers.join(format!("server-{}", std::process::id())));
        let users = home.0.join("users");
        for folder in [&home.0, &users] {
            fs::create_dir(folder).with_context(|| format!("can't make {}", folder.display()))?;
            account.own(folder)?;
        }
        home.register()?;
        let socket_dir = socket::make_folder(&home.0.join("run"), account)?;
        let noted = socket_dir
            .to_str()
            .context("the socket's folder has no readable name")?;
        fs::write(home.0.join("socket"), noted)?;
        cluster::create(&home.cluster(), USER, &Kind::Passing, binaries, account)?;

        let mut supervisor = account.command("/bin/sh");
        supervisor
            .args(["-c", SUPERVISOR, "test-postgres"])
            .arg(&home.0)
            .arg(&socket_dir)
            .arg(binaries.folder.join("postgres"))
            .arg("-D")
            .arg(home.cluster());
        for (name, value) in configuration(noted) {
            supervisor.arg("-c").arg(format!("{name}={value}"));
        }
        supervisor.stdout(Stdio::null()).stderr(Stdio::null());
        detach(&mut supervisor, Life::Outlives);
        let supervisor = supervisor.spawn().context("can't start the supervisor")?;
        let pid = supervisor.id();
        fs::write(
            home.0.join("supervisor"),
            format!("{pid} {}", start_time(pid)),
        )?;
        home.wait_until_ready(supervisor)?;
        Ok(TestServer {
            address: address(socket_dir),
            major: binaries.major,
        })
    }

    fn wait_until_ready(&self, mut supervisor: Child) -> Result<()> {
        let begin = Instant::now();
        while !cluster::postmaster(&self.cluster()).is_some_and(|postmaster| postmaster.ready) {
            if supervisor.try_wait()?.is_some() || begin.elapsed() > PATIENCE {
                let log = fs::read_to_string(self.0.join("postgres.log")).unwrap_or_default();
                bail!("it does not start: {log}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn cluster(&self) -> PathBuf {
        self.0.join("postgres")
    }
}

fn address(socket_dir: PathBuf) -> Address {
    Address {
        socket_dir,
        port: 5432,
        user: USER.into(),
        password: "wasam_password".into(),
    }
}

fn configuration(socket_dir: &str) -> [(&'static str, &str); 17] {
    [
        ("unix_socket_directories", socket_dir),
        ("unix_socket_permissions", "0700"),
        ("listen_addresses", ""),
        ("port", "5432"),
        ("max_connections", "400"),
        ("shared_buffers", "128MB"),
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("synchronous_commit", "off"),
        ("autovacuum", "off"),
        ("jit", "off"),
        // Other kinds outlive a server that was killed.
        ("dynamic_shared_memory_type", "mmap"),
        ("wal_level", "minimal"),
        ("max_wal_senders", "0"),
        ("max_wal_size", "256MB"),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
    ]
}

/// When a process started, as the kernel counts; empty where that can't be known.
fn start_time(pid: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let is_zombie = after_name.starts_with('Z');
    let time = after_name.split_whitespace().nth(19).filter(|_| !is_zombie);
    time.unwrap_or("").to_owned()
}

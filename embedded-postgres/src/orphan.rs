//! What an earlier run left: a server that still runs, or a `postmaster.pid` that names someone else.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Error;
use crate::account::Account;
use crate::directory::NO_LINK;
use crate::error::Trying;

/// Every process of a server is called `postgres` and works in its cluster's directory. That link is for the same account's
/// eyes only, and root in a container may lack the right to look as well, so the account itself is asked.
const LIST_PROCESSES: &str = r#"
if [ -e /proc/self/cwd ]; then
    for process in /proc/[0-9]*; do
        [ "$process/cwd" -ef "$1" ] || continue
        name=
        read -r name 2>/dev/null <"$process/comm"
        if [ "$name" = postgres ]; then echo "${process#/proc/}"; fi
    done
else
    lsof -a -c postgres -d cwd -t "$1" 2>/dev/null
fi
true
"#;

/// Ends the processes of an earlier server of this cluster, whose lock we hold, and sees to it that its `postmaster.pid`
/// does not keep a new one from starting.
pub(crate) fn settle(
    cluster: &Path,
    account: &Account,
    say: &mut dyn FnMut(&str),
) -> Result<(), Error> {
    let file = cluster.join("postmaster.pid");
    let Ok(content) = fs::read_to_string(&file) else {
        return Ok(());
    };
    let (first_line, rest) = content.split_once('\n').unwrap_or((&content, ""));
    let postmaster: Option<i32> = first_line.trim().parse().ok().filter(|pid| *pid > 0);
    let found = processes_in(cluster, account)?;
    match postmaster {
        Some(pid) if found.contains(&pid) => {
            say(&format!(
                "a PostgreSQL of an earlier run (pid {pid}) is still there: stopping it"
            ));
            stop(Pid::from_raw(pid), cluster, account)?;
        }
        // Its children end by themselves when a postmaster was killed.
        _ => wait_until_gone(cluster, account, Duration::from_secs(10))?,
    }
    if !file.exists() {
        return Ok(());
    }
    match postmaster {
        Some(pid) if kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH) => Ok(()),
        Some(pid) => {
            say(&format!(
                "an old postmaster.pid names process {pid}, which is no PostgreSQL of ours: passed over"
            ));
            disown(&file, rest)
        }
        None => fs::remove_file(&file).trying("remove", &file),
    }
}

/// PostgreSQL takes any pid that exists for a server, also a zombie's or another program's, and would not start. It knows
/// that its parent's is none, and that is ours. The rest of the file tells it which shared memory to clear away.
fn disown(file: &Path, rest: &str) -> Result<(), Error> {
    OpenOptions::new()
        .write(true)
        .truncate(true)
        .custom_flags(NO_LINK)
        .open(file)
        .and_then(|mut open| write!(open, "{}\n{rest}", std::process::id()))
        .trying("write", file)
}

fn stop(postmaster: Pid, cluster: &Path, account: &Account) -> Result<(), Error> {
    let fast = (Signal::SIGINT, Duration::from_secs(10));
    let immediate = (Signal::SIGQUIT, Duration::from_secs(5));
    let mut end = Ok(());
    for (signal, patience) in [fast, immediate] {
        let _ = kill(postmaster, signal);
        end = wait_until_gone(cluster, account, patience);
        if end.is_ok() {
            break;
        }
    }
    end
}

fn wait_until_gone(cluster: &Path, account: &Account, patience: Duration) -> Result<(), Error> {
    let begin = Instant::now();
    loop {
        let left = processes_in(cluster, account)?;
        if left.is_empty() {
            return Ok(());
        }
        if begin.elapsed() > patience {
            let pids: Vec<String> = left.iter().map(ToString::to_string).collect();
            return Err(Error::Orphan {
                directory: cluster.to_owned(),
                pids: pids.join(", "),
            });
        }
        sleep(Duration::from_millis(20));
    }
}

/// The server's processes that work in this directory.
fn processes_in(directory: &Path, account: &Account) -> Result<Vec<i32>, Error> {
    let shell = Path::new("/bin/sh");
    let output = account
        .command(shell)
        .args(["-c", LIST_PROCESSES, "sh"])
        .arg(directory)
        .output()
        .trying("run", shell)?;
    let list = String::from_utf8_lossy(&output.stdout);
    Ok(list
        .lines()
        .filter_map(|line| line.trim().parse().ok())
        .collect())
}

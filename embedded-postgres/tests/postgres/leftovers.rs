//! What an earlier run left behind does not keep the next one from starting.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::workplace::{Helper, Workplace, is_alive, remember, remembered, wait_until};

/// The contents of `postmaster.pid` while the server ran, with another pid in it.
fn pid_file_naming(pid: u32, workplace: &Workplace) -> String {
    let server = workplace.start().unwrap();
    let content = fs::read_to_string(workplace.cluster().join("postmaster.pid")).unwrap();
    content.replacen(&server.pid().to_string(), &pid.to_string(), 1)
}

fn leave(content: &str, workplace: &Workplace) {
    let file = workplace.cluster().join("postmaster.pid");
    fs::write(&file, content).unwrap();
    let owner = fs::metadata(workplace.cluster()).unwrap();
    std::os::unix::fs::chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
}

#[tokio::test]
async fn after_kill_minus_nine_the_server_ends_by_itself_and_loses_nothing() {
    let workplace = Workplace::new();
    let server = workplace.start().unwrap();
    remember(&server, "socks").await;
    server.stop();

    let mut helper = Helper::holding(&workplace.data_dir());
    let postmaster: u32 = helper.line().parse().unwrap();
    helper.kill();
    if cfg!(target_os = "linux") {
        wait_until("ended", 10, || !is_alive(postmaster));
    }
    let again = workplace.start().unwrap();
    assert_eq!(remembered(&again).await, ["socks"]);
}

#[tokio::test]
async fn a_start_right_after_kill_minus_nine_succeeds() {
    let workplace = Workplace::new();
    for round in 0..3 {
        let mut helper = Helper::holding(&workplace.data_dir());
        let postmaster: u32 = helper.line().parse().unwrap();
        helper.kill();
        let server = workplace.start().unwrap();
        assert!(!is_alive(postmaster), "round {round}");
        remember(&server, &format!("socks {round}")).await;
    }
    let server = workplace.start().unwrap();
    assert_eq!(remembered(&server).await, ["socks 0", "socks 1", "socks 2"]);
}

/// A server that nobody told to stop when its starter ended.
fn orphan(workplace: &Workplace) -> Child {
    let program: PathBuf = {
        let server = workplace.start().unwrap();
        fs::read_link(format!("/proc/{}/exe", server.pid())).unwrap()
    };
    let owner = fs::metadata(workplace.cluster()).unwrap();
    let mut postgres = Command::new(program);
    postgres.arg("-D").arg(workplace.cluster());
    postgres.args(["-c", "listen_addresses=", "-c", "unix_socket_directories=."]);
    postgres
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if nix::unistd::geteuid().is_root() {
        postgres.uid(owner.uid()).gid(owner.gid());
    }
    let child = postgres.current_dir("/").spawn().unwrap();
    wait_until("ready", 30, || {
        let content =
            fs::read_to_string(workplace.cluster().join("postmaster.pid")).unwrap_or_default();
        content
            .lines()
            .nth(7)
            .is_some_and(|state| state.trim() == "ready")
    });
    child
}

#[test]
#[cfg(target_os = "linux")]
fn an_orphan_is_stopped_and_replaced() {
    let workplace = Workplace::new();
    let mut orphan = orphan(&workplace);
    let (server, said) = workplace.start_listening();
    assert!(!is_alive(orphan.id()));
    assert_ne!(server.pid(), orphan.id());
    let words = format!(
        "a PostgreSQL of an earlier run (pid {}) is still there: stopping it",
        orphan.id()
    );
    assert!(said.contains(&words), "{said:?}");
    orphan.wait().unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn an_orphan_that_was_killed_and_is_a_zombie_is_passed_over() {
    let workplace = Workplace::new();
    let mut orphan = orphan(&workplace);
    orphan.kill().unwrap(); // and nobody waits for it
    let (_server, said) = workplace.start_listening();
    assert!(
        said.iter()
            .any(|text| text.starts_with("an old postmaster.pid names")),
        "{said:?}"
    );
    orphan.wait().unwrap();
}

#[test]
fn a_postmaster_pid_of_a_dead_process_does_not_matter() {
    let workplace = Workplace::new();
    let mut ended = Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    let content = pid_file_naming(ended.id(), &workplace);
    leave(&content, &workplace);
    workplace.start().unwrap();
}

#[test]
fn a_postmaster_pid_whose_number_is_another_programs_now_does_not_matter() {
    let workplace = Workplace::new();
    let mut other = Command::new("sleep").arg("600").spawn().unwrap();
    let content = pid_file_naming(other.id(), &workplace);
    leave(&content, &workplace);
    let (_server, said) = workplace.start_listening();
    let words = format!(
        "an old postmaster.pid names process {}, which is no PostgreSQL of ours: passed over",
        other.id()
    );
    assert!(said.contains(&words), "{said:?}");
    assert!(is_alive(other.id()), "the other program must be left alone");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn a_program_that_works_in_the_clusters_folder_is_left_alone() {
    let workplace = Workplace::new();
    drop(workplace.start().unwrap());
    let owner = fs::metadata(workplace.cluster()).unwrap();
    let mut other = Command::new("sleep");
    other.arg("600").current_dir(workplace.cluster());
    if nix::unistd::geteuid().is_root() {
        other.uid(owner.uid()).gid(owner.gid());
    }
    let mut other = other.spawn().unwrap();
    let content = pid_file_naming(other.id(), &workplace);
    leave(&content, &workplace);
    let started = std::time::Instant::now();
    workplace.start().unwrap();
    assert!(is_alive(other.id()), "the other program must be left alone");
    assert!(started.elapsed().as_secs() < 10, "nobody waits for it");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn an_empty_postmaster_pid_does_not_matter() {
    let workplace = Workplace::new();
    drop(workplace.start().unwrap());
    leave("", &workplace);
    workplace.start().unwrap();
}

#[test]
fn an_unfinished_cluster_is_made_anew() {
    let workplace = Workplace::new();
    let unfinished = workplace.data_dir().join("postgres.new");
    fs::create_dir_all(&unfinished).unwrap();
    fs::write(unfinished.join("PG_VERSION"), "15\n").unwrap();
    workplace.start().unwrap();
    assert!(!unfinished.exists());
}

#[test]
fn no_descriptor_of_ours_stays_open_in_the_server() {
    let workplace = Workplace::new();
    let (reader, writer) = std::io::pipe().unwrap();
    let inheritable = nix::unistd::dup(&writer).unwrap();
    nix::fcntl::fcntl(
        &inheritable,
        nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty()),
    )
    .unwrap();
    let server = workplace.start().unwrap();
    drop((writer, inheritable));
    // The pipe ends although the server lives.
    let end = std::thread::spawn(move || std::io::read_to_string(reader));
    wait_until("the pipe's end", 10, || end.is_finished());
    assert!(is_alive(server.pid()));
}

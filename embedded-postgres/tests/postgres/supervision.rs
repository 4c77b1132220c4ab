//! The tests' shared server: one for all processes, gone after the last.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;
use nix::unistd::User;
use sqlx::postgres::PgConnectOptions;

use crate::workplace::{
    Helper, Workplace, as_ordinary_user, example, home_with, is_alive, send, wait_until,
};

/// A build's output of its own, so that these tests have a server of their own; closed to others, as root's home is.
fn build_output(folder: &Path) {
    fs::write(folder.join("CACHEDIR.TAG"), "").unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
}

/// Runs the program and tells where its server lives.
fn hold_database(mut command: Command) -> (Helper, PathBuf) {
    command.current_dir("/");
    let mut helper = Helper::run(command);
    let options: PgConnectOptions = helper.line().parse().unwrap();
    let home = options.get_socket().unwrap().parent().unwrap().to_owned();
    (helper, home)
}

fn postmaster(home: &Path) -> u32 {
    let content = fs::read_to_string(home.join("postgres/postmaster.pid")).unwrap();
    content.lines().next().unwrap().parse().unwrap()
}

fn supervisor(postmaster: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{postmaster}/stat")).unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    after_name
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

fn wait_until_all_is_gone(home: &Path, postmaster: u32) {
    wait_until("stopped", 15, || !is_alive(postmaster));
    wait_until("taken away", 5, || !home.exists());
}

/// A supervisor that is told to end takes its server with it, at once.
fn dismiss(home: &Path) {
    let postmaster = postmaster(home);
    send(supervisor(postmaster), Signal::SIGTERM);
    wait_until_all_is_gone(home, postmaster);
}

#[test]
#[cfg(target_os = "linux")]
fn processes_share_a_server_that_ends_after_the_last() {
    let workplace = Workplace::on_disk();
    build_output(workplace.path());
    let program = workplace.path().join("test_database");
    fs::copy(example("test_database"), &program).unwrap();

    let copies = [program.clone(), program.clone(), program];
    let started = copies.map(|program| std::thread::spawn(|| hold_database(Command::new(program))));
    let [mut one, mut two, mut three] = started.map(|thread| thread.join().unwrap());
    assert_eq!(one.1, two.1);
    assert_eq!(one.1, three.1);
    let postmaster = postmaster(&one.1);

    one.0.kill();
    two.0.finish();
    std::thread::sleep(std::time::Duration::from_secs(7));
    assert!(is_alive(postmaster), "one process still needs it");
    three.0.finish();
    wait_until_all_is_gone(&one.1, postmaster);
    let servers = one.1.parent().unwrap();
    let is_build_output = servers.starts_with(workplace.path());
    wait_until("taken away", 5, || is_build_output || !servers.exists());
}

#[test]
#[cfg(target_os = "linux")]
fn an_ordinary_user_has_a_server_of_its_own() {
    let workplace = Workplace::on_disk();
    let mut command = Command::new("true");
    let user: User = as_ordinary_user(&mut command);
    let (home, program) = home_with(&workplace, &user, "test_database");
    build_output(&home);
    let mut command = Command::new(&program);
    as_ordinary_user(&mut command);
    let (mut helper, server) = hold_database(command);
    assert_eq!(fs::metadata(&server).unwrap().uid(), user.uid.as_raw());
    helper.finish();
    dismiss(&server);
}

#[test]
#[cfg(target_os = "linux")]
fn when_the_supervisor_was_killed_the_next_process_clears_up() {
    let workplace = Workplace::on_disk();
    build_output(workplace.path());
    let program = workplace.path().join("test_database");
    fs::copy(example("test_database"), &program).unwrap();

    let (mut first, old_home) = hold_database(Command::new(&program));
    let old = postmaster(&old_home);
    send(supervisor(old), Signal::SIGKILL);
    first.kill();
    let (mut second, home) = hold_database(Command::new(&program));
    assert_ne!(home, old_home);
    assert!(!is_alive(old));
    assert!(!old_home.exists());
    second.finish();
    dismiss(&home);
}

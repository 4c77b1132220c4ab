//! Root may not run PostgreSQL; someone else does.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::Command;

use embedded_postgres::{Error, SYSTEM_DATA_DIR, reachable_data_dir};
use nix::unistd::{User, geteuid};

use crate::workplace::{Helper, Workplace, as_ordinary_user, home_with};

fn owner_of_process(pid: u32) -> u32 {
    fs::metadata(format!("/proc/{pid}")).unwrap().uid()
}

#[test]
#[cfg(target_os = "linux")]
fn an_ordinary_user_runs_it_as_itself() {
    let workplace = Workplace::on_disk();
    let mut command = Command::new("true");
    let user = as_ordinary_user(&mut command);
    let (home, program) = home_with(&workplace, &user, "run_server");
    for _ in 0..2 {
        let mut command = Command::new(&program);
        as_ordinary_user(&mut command);
        command.arg(home.join("data")).arg("0").current_dir("/");
        let mut helper = Helper::run(command);
        let postmaster: u32 = helper.line().parse().unwrap();
        assert_eq!(owner_of_process(postmaster), user.uid.as_raw());
        assert!(helper.finish());
    }
    let mode = fs::metadata(home.join("data")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
#[cfg(target_os = "linux")]
fn root_has_another_account_run_it() {
    if !geteuid().is_root() {
        return;
    }
    let workplace = Workplace::new();
    let server = workplace.start().unwrap();
    let owner = owner_of_process(server.pid());
    assert_ne!(owner, 0);
    assert_eq!(fs::metadata(workplace.cluster()).unwrap().uid(), owner);
}

#[test]
#[cfg(target_os = "linux")]
fn root_leaves_a_users_directory_to_that_user() {
    if !geteuid().is_root() {
        return;
    }
    let workplace = Workplace::new();
    let nobody = User::from_name("nobody").unwrap().unwrap();
    fs::create_dir(workplace.data_dir()).unwrap();
    chown(
        workplace.data_dir(),
        Some(nobody.uid.as_raw()),
        Some(nobody.gid.as_raw()),
    )
    .unwrap();
    for _ in 0..2 {
        let server = workplace.start().unwrap();
        assert_eq!(owner_of_process(server.pid()), nobody.uid.as_raw());
    }
}

#[test]
fn root_lets_the_account_into_a_data_directory_that_was_made_for_secrets() {
    let workplace = Workplace::new();
    fs::create_dir(workplace.data_dir()).unwrap();
    fs::set_permissions(workplace.data_dir(), fs::Permissions::from_mode(0o700)).unwrap();
    let secret = workplace.data_dir().join("secret");
    fs::write(&secret, "s").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    workplace.start().unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&secret), 0o600);
    let expected = if geteuid().is_root() { 0o711 } else { 0o700 };
    assert_eq!(mode(&workplace.data_dir()), expected);
}

#[test]
fn a_directory_that_the_account_cannot_enter_is_replaced_or_refused() {
    let workplace = Workplace::new();
    let home = workplace.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    let inside = home.join("shop/data");
    if !geteuid().is_root() {
        assert_eq!(reachable_data_dir(&inside, true).unwrap(), inside);
        return;
    }
    assert_eq!(
        reachable_data_dir(&inside, false).unwrap().to_str(),
        Some(SYSTEM_DATA_DIR)
    );
    let error = reachable_data_dir(&inside, true).unwrap_err();
    assert!(
        matches!(&error, Error::Unreachable { barrier, .. } if *barrier == home),
        "{error}"
    );
    assert!(!inside.exists());

    let mut settings = workplace.settings();
    settings.data_dir = inside;
    let text = embedded_postgres::Server::start(settings, |_| {})
        .unwrap_err()
        .to_string();
    assert!(text.contains("can't be entered by the account"), "{text}");

    assert_eq!(
        reachable_data_dir(&workplace.data_dir(), true).unwrap(),
        workplace.data_dir()
    );
}

//! Starts that are refused say why.

use std::fs;

use embedded_postgres::{Error, Server};

use crate::workplace::{Helper, Workplace};

#[test]
fn a_second_copy_is_told_the_directory_and_the_process() {
    let workplace = Workplace::new();
    let mut helper = Helper::holding(&workplace.data_dir());
    helper.line();
    let error = workplace.start().unwrap_err();
    assert!(matches!(error, Error::InUse { .. }));
    let text = error.to_string();
    assert!(
        text.contains(workplace.data_dir().to_str().unwrap()),
        "{text}"
    );
    assert!(text.contains(&format!("(pid {})", helper.pid())), "{text}");

    assert!(helper.finish());
    workplace.start().unwrap();
}

#[test]
fn a_lock_that_leads_elsewhere_is_not_followed() {
    let workplace = Workplace::new();
    let victim = workplace.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    fs::create_dir(workplace.data_dir()).unwrap();
    std::os::unix::fs::symlink(&victim, workplace.data_dir().join("lock")).unwrap();
    let text = workplace.start().unwrap_err().to_string();
    assert!(
        text.contains("can't open") && text.contains("lock"),
        "{text}"
    );
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn a_cluster_of_another_major_version_is_refused_and_left_alone() {
    let workplace = Workplace::new();
    drop(workplace.start().unwrap());
    let version_file = workplace.cluster().join("PG_VERSION");
    fs::write(&version_file, "9\n").unwrap();
    let error = workplace.start().unwrap_err();
    assert!(
        matches!(error, Error::WrongMajor { needs: 9, .. }),
        "{error}"
    );
    let text = error.to_string();
    assert!(text.contains("was made by PostgreSQL 9"), "{text}");
    assert!(
        text.contains(workplace.cluster().to_str().unwrap()),
        "{text}"
    );
    assert!(text.contains("found: 1"), "{text}");
    assert_eq!(fs::read_to_string(&version_file).unwrap(), "9\n");
}

#[test]
fn a_damaged_version_is_named() {
    let workplace = Workplace::new();
    drop(workplace.start().unwrap());
    fs::write(workplace.cluster().join("PG_VERSION"), "socks").unwrap();
    let text = workplace.start().unwrap_err().to_string();
    assert!(text.contains("PG_VERSION is damaged: \"socks\""), "{text}");
}

#[test]
fn a_folder_without_the_programs_is_named() {
    let workplace = Workplace::new();
    let mut settings = workplace.settings();
    settings.binaries = Some(workplace.path().join("nothing"));
    let error = Server::start(settings, |_| {}).unwrap_err();
    assert!(matches!(error, Error::NotBinaries { .. }));
    let text = error.to_string();
    assert!(
        text.starts_with("no PostgreSQL 14 or newer in ") && text.contains("nothing"),
        "{text}"
    );
}

#[test]
fn a_server_that_does_not_start_shows_the_end_of_its_log() {
    let workplace = Workplace::new();
    let mut settings = workplace.settings();
    settings
        .extra
        .push(("shared_buffers".into(), "socks".into()));
    let text = Server::start(settings, |_| {}).unwrap_err().to_string();
    assert!(
        text.contains("it ended with code 1") && text.contains("\"socks\""),
        "{text}"
    );
}

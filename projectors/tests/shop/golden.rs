//! Every message there is: there is a file of kept bytes for each.

use std::fs;
use std::path::{Path, PathBuf};

use proto::{Message, Topic};

/// Where messages are described and kept.
pub fn proto() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto")
}

pub fn messages() -> Vec<Message> {
    let files = fs::read_dir(proto().join("golden")).expect("the kept messages");
    files
        .map(|file| kept(&file.expect("an entry").path()))
        .collect()
}

pub fn type_name(message: &Message) -> String {
    message.type_name().expect("it says something").to_owned()
}

fn kept(path: &Path) -> Message {
    let name = path.file_stem().and_then(|name| name.to_str());
    let context = name.and_then(|name| name.split('.').nth(1));
    let topic = context.and_then(Topic::named).expect("a context");
    let hex = fs::read_to_string(path).expect("kept bytes");
    let digits: Vec<_> = hex.trim().bytes().collect();
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|two| std::str::from_utf8(two).expect("digits"))
        .map(|two| u8::from_str_radix(two, 16).expect("a byte"))
        .collect();
    topic.decode(&bytes).expect("a message")
}

use std::io::{self, Write};

use read_api::audit::{Exported, Filter, Format, UnknownFormat, export};
use serde_json::{Value, json};
use service::Service::Operator;
use uuid::Uuid;

use crate::{
    told::{DIGEST, HASH, product_created, products, registered, session_started},
    world::World,
};

async fn exported(world: &World, filter: &Filter, format: Format) -> String {
    let mut file = Vec::new();
    export(&world.reader.log, filter, format, &mut file, |_| ())
        .await
        .expect("an export");
    String::from_utf8(file).expect("UTF-8")
}

fn after(position: u64) -> Filter {
    Filter {
        after: Some(position),
        ..Filter::default()
    }
}

/// A disk that is full after some bytes, or a pipe whose reader has left.
struct Full {
    written: Vec<u8>,
    room: usize,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fits = bytes.len().min(self.room - self.written.len());
        if fits == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.written.extend_from_slice(&bytes[..fits]);
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn json_lines_are_what_the_audit_answers() {
    let world = World::new().await;
    let alice = Uuid::now_v7();
    let session = session_started(Uuid::now_v7(), alice);
    let laptop = product_created(Uuid::now_v7(), "Laptop", "", 100);
    world
        .logged([registered(alice, "alice"), session, laptop])
        .await;

    let lines = exported(&world, &Filter::default(), Format::JsonLines).await;

    for secret in [HASH, DIGEST, "password_hash", "secret_digest"] {
        assert!(!lines.contains(secret), "{secret} is in {lines}");
    }
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let answer = world.get(Operator, "/audit").token(&world.admin()).await;
    assert_eq!(lines, answer.array());
}

#[tokio::test]
async fn csv_has_a_heading_and_nothing_that_a_spreadsheet_would_run() {
    let world = World::new().await;
    let laptop = product_created(Uuid::now_v7(), "A \"light\" one, ünd", "", 100);
    world
        .logged([laptop.asked_by("=1+1").because_of("@here")])
        .await;

    let text = exported(&world, &Filter::default(), Format::Csv).await;

    let mut csv = csv::Reader::from_reader(text.as_bytes());
    let heading: Vec<String> = csv
        .headers()
        .expect("a heading")
        .iter()
        .map(str::to_owned)
        .collect();
    let row = csv.records().next().expect("a row").expect("CSV");
    let cell = |name: &str| {
        let at = heading.iter().position(|column| column == name);
        &row[at.expect("a column")]
    };
    assert_eq!(heading.len(), 11);
    assert_eq!((cell("position"), cell("event_type")), ("1", "created"));
    assert_eq!(cell("correlation_id"), "'=1+1");
    assert_eq!(cell("causation_id"), "'@here");
    let payload: Value = serde_json::from_str(cell("payload")).expect("JSON");
    assert_eq!(payload["created"]["name"], "A \"light\" one, ünd");
}

#[tokio::test]
async fn what_was_broken_off_goes_on_where_it_ended() {
    let world = World::new().await;
    let head = world.logged(products(&vec!["a"; 2_345])).await;
    for format in [Format::JsonLines, Format::Csv] {
        let whole = exported(&world, &Filter::default(), format).await;
        let heading = usize::from(format == Format::Csv);
        let lines = i64::try_from(whole.lines().count() - heading).expect("a number");
        assert_eq!(lines, head);
        let mut full = Full {
            written: Vec::new(),
            room: whole.len() * 2 / 3,
        };
        let broken = export(
            &world.reader.log,
            &Filter::default(),
            format,
            &mut full,
            |_| (),
        )
        .await;
        let error = broken.expect_err("the disk is full");
        let error = error
            .downcast_ref::<io::Error>()
            .expect("what the disk said");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);

        let mut put_together = String::from_utf8(full.written).expect("ASCII");
        let whole_lines = put_together.rfind('\n').expect("a line") + 1;
        put_together.truncate(whole_lines);
        let last = put_together.lines().last().expect("a line");
        let position = match format {
            Format::JsonLines => {
                serde_json::from_str::<Value>(last).expect("JSON")["position"].as_u64()
            }
            Format::Csv => last.split(',').next().expect("a cell").parse().ok(),
        };
        let rest = after(position.expect("a position"));
        put_together += &exported(&world, &rest, format).await;
        assert_eq!(put_together, whole);
    }
}

#[tokio::test]
async fn an_export_ends_where_the_log_ended_and_tells_how_far_it_is() {
    let world = World::new().await;
    let head = world.logged(products(&vec!["a"; 1_500])).await;
    let mut told: Vec<Exported> = Vec::new();
    let mut file = Vec::new();
    let filter = after(100);

    let done = export(
        &world.reader.log,
        &filter,
        Format::JsonLines,
        &mut file,
        |so_far| told.push(so_far),
    )
    .await
    .expect("an export");

    let places: Vec<_> = told.iter().map(|t| (t.events, t.after, t.head)).collect();
    assert_eq!(
        places,
        [
            (1_000, 1_100, head),
            (1_400, head, head),
            (1_400, head, head)
        ]
    );
    assert_eq!(done, told[2]);
}

#[tokio::test]
async fn a_filter_holds_for_an_export_too_and_an_empty_one_is_whole() {
    let world = World::new().await;
    let alice = Uuid::now_v7();
    world.logged(products(&["a", "b"])).await;
    world.logged([registered(alice, "alice")]).await;
    let accounts = Filter {
        aggregate_type: Some("account".to_owned()),
        ..Filter::default()
    };
    let lines = exported(&world, &accounts, Format::JsonLines).await;
    let line: Value = serde_json::from_str(&lines).expect("one line");
    assert_eq!(
        (&line["position"], &line["aggregate_id"]),
        (&json!(3), &json!(alice))
    );
    let nobody = Filter {
        actor: Some("nobody".to_owned()),
        ..Filter::default()
    };
    let mut file = Vec::new();
    let done = export(
        &world.reader.log,
        &nobody,
        Format::JsonLines,
        &mut file,
        |_| (),
    )
    .await
    .expect("an export");
    assert_eq!(
        (file.len(), done.events, done.after, done.head),
        (0, 0, 3, 3)
    );
}

#[test]
fn a_format_has_a_name() {
    assert_eq!("jsonl".parse(), Ok(Format::JsonLines));
    assert_eq!("csv".parse(), Ok(Format::Csv));
    assert_eq!("xml".parse::<Format>(), Err(UnknownFormat));
}

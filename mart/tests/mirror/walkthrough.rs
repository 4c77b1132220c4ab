//! The README's curl walk-through, over a process for each role and two of some.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use proto::Topic;
use serde_json::Value;
use service::Service;

use crate::front::Front;
use crate::load::{client, told};
use crate::readme::walk_through;
use crate::shop::Shop;
use crate::topics::of_the_mirror;

/// The examples between these words, as the README has them.
fn examples() -> Vec<String> {
    walk_through()
        .split("run <<'EXAMPLE'\n")
        .skip(1)
        .map(|example| example.split("EXAMPLE").next().expect("its end").to_owned())
        .collect()
}

/// Somebody with curl and the README.
struct Reader<'a> {
    folder: &'a Path,
    front: &'a Front,
    /// What answers told: the examples' word for it, the answer's, and the value.
    known: Vec<(&'static str, &'static str, String)>,
    /// The last consistency token.
    token: String,
}

impl<'a> Reader<'a> {
    /// The examples say ports 8000 to 8005; a curl configuration leads them to this shop's.
    fn at(front: &'a Front, folder: &'a Path) -> Self {
        let lines = Service::ALL.map(|service| {
            let here = front.address(service);
            format!("connect-to = \"localhost:{}:{here}\"\n", service.port(8000))
        });
        let curlrc = lines.concat() + "silent\nshow-error\ndump-header = \"headers\"\n";
        std::fs::write(folder.join(".curlrc"), curlrc).expect("our folder");
        Self {
            folder,
            front,
            known: Vec::new(),
            token: String::new(),
        }
    }

    /// Fills in what is known, and runs it.
    fn run(&mut self, example: String) -> Value {
        let script = self.known.iter().fold(example, |script, (name, _, value)| {
            script.replace(&format!("{{{name}}}"), value)
        });
        let ran = Command::new("bash")
            .args(["-euc", &script])
            .env("CURL_HOME", self.folder)
            .current_dir(self.folder)
            .output()
            .expect("bash and curl are there");
        assert!(ran.status.success(), "{script}\n{ran:?}");
        let answer: Value = serde_json::from_slice(&ran.stdout)
            .unwrap_or_else(|error| panic!("{script}\n{error}: {ran:?}"));
        let headers = std::fs::read_to_string(self.folder.join("headers")).expect("dumped");
        for (name, value) in headers.lines().filter_map(|line| line.split_once(": ")) {
            if name.eq_ignore_ascii_case("consistency-token") {
                value.trim().clone_into(&mut self.token);
            }
        }
        for (name, field) in [
            ("your_jwt_token", "access_token"),
            ("your_refresh_token", "refresh_token"),
            ("product_id", "product_id"),
            ("order_uuid", "order_id"),
        ] {
            if let Some(value) = answer[field].as_str() {
                self.known.push((name, field, value.to_owned()));
            }
        }
        answer
    }

    /// The first that an answer told by this name.
    fn value(&self, field: &str) -> &str {
        let found = self.known.iter().find(|(_, other, _)| *other == field);
        &found.expect("an example told it").2
    }

    /// A read that shows all that the examples wrote.
    async fn ask(&self, service: Service, path: &str) -> Value {
        let request = client(Duration::from_secs(10))
            .get(format!("http://{}{path}", self.front.address(service)))
            .header("consistency-token", &self.token)
            .bearer_auth(self.value("access_token"));
        told(request, 200).await.0
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka"]
async fn the_readme_s_examples_work_over_separate_processes() {
    let shop = Shop::new().await;
    // In no good order, on purpose: each waits for what it needs.
    let roles = [
        "mailer",
        "projectors",
        "read-api",
        "relay",
        "projectors",
        "relay",
        "write-api",
    ];
    let mut staff = roles.map(|role| shop.start(role));
    for process in &mut staff {
        process.ready().await;
    }
    let front = Front::of(&staff[2], &staff[6]).await;
    let mut reader = Reader::at(&front, shop.folder());
    let answers: Vec<_> = examples().into_iter().map(|one| reader.run(one)).collect();
    assert_eq!(answers.len(), 7, "{answers:#?}");
    assert_eq!(answers[5]["payment_status"], "PAID", "{answers:#?}");
    all_is_shown(&reader).await;

    let mails = shop.mails.has(3).await;
    let mut subjects: Vec<_> = mails.iter().map(|mail| mail.header("Subject")).collect();
    subjects.sort();
    assert_eq!(
        subjects,
        [
            "Order confirmation",
            "Payment confirmation",
            "Welcome to Online Mart"
        ]
    );
    let mirror = shop.is_whole().await;
    assert_eq!(mirror.on(Topic::OrderCreated).count(), 1);
    assert_eq!(mirror.repeated, 0);
    the_broker_has_the_topics_that_are_described(&shop);
    nothing_secret_is_on_a_topic(&shop, &reader).await;
    for process in staff {
        let name = process.name().to_owned();
        println!("{name} ended after {:?}", process.stop().await);
    }
    assert_eq!(shop.mails.arrived().len(), 3);
}

async fn all_is_shown(reader: &Reader<'_>) {
    let orders = reader.ask(Service::Order, "/orders").await;
    assert_eq!(orders[0]["order_status"], "COMPLETED", "{orders}");
    let product = format!("/product/{}", reader.value("product_id"));
    assert_eq!(
        reader.ask(Service::Product, &product).await["price"],
        999.99
    );
    let payments = reader.ask(Service::Payment, "/payments").await;
    assert_eq!(payments[0]["amount"], 1999.98, "{payments}");
    let stock = reader.ask(Service::Inventory, "/inventory").await;
    assert_eq!(
        [&stock[0]["stock_level"], &stock[0]["sold_stock"]],
        [98, 2],
        "{stock}"
    );
    for service in Service::ALL {
        assert_eq!(reader.ask(service, "/").await["status"], "ok");
    }
}

/// Those of `proto/asyncapi.yaml`, and no other.
fn the_broker_has_the_topics_that_are_described(shop: &Shop) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/asyncapi.yaml");
    let document = std::fs::read_to_string(file).expect("it is there");
    let document: Value = yaml_serde::from_str(&document).expect("YAML");
    let channels = document["channels"].as_object().expect("channels");
    let mut described: Vec<_> = channels
        .values()
        .map(|channel| channel["address"].as_str().expect("a name"))
        .collect();
    described.sort_unstable();
    let mut there: Vec<_> = shop
        .topics()
        .all()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    there.sort_unstable();
    assert_eq!(there, described);
}

/// Neither password nor hash nor token nor card.
async fn nothing_secret_is_on_a_topic(shop: &Shop, reader: &Reader<'_>) {
    let topics = shop.topics();
    let names: Vec<_> = topics.all().into_iter().map(|(name, _)| name).collect();
    assert!(names.len() > of_the_mirror().len(), "{names:?}");
    let records = topics.read(names).await;
    assert!(records.len() >= 12, "{}", records.len());
    let mut canaries = vec!["securepassword123", "$argon2", "4242424242424242", "12/25"];
    for (_, field, value) in &reader.known {
        if field.ends_with("_token") {
            canaries.push(value);
            // The secret alone, and a token's signature.
            canaries.extend(value.rsplit('.').next());
        }
    }
    for record in &records {
        let headers = record.headers.iter().map(|(_, value)| value);
        let everything: Vec<_> = [&record.key, &record.value]
            .into_iter()
            .chain(headers)
            .map(|bytes| String::from_utf8_lossy(bytes))
            .collect();
        for canary in &canaries {
            assert!(
                !everything.iter().any(|text| text.contains(canary)),
                "{canary} is in {record:?}"
            );
        }
    }
}

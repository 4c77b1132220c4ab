//! Holds a test's database until the input ends.

use std::io::Read;

#[tokio::main]
async fn main() {
    let database = embedded_postgres::testing::empty_database().await;
    println!("{}", database.url());
    let wait = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let _ = wait.await;
}

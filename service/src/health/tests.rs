use super::Readiness;
use crate::{
    Profile,
    testing::{ask, common, get, shop},
};

#[test]
fn ready_means_that_no_part_fails() {
    let readiness = Readiness::default();
    assert!(readiness.is_ready());
    readiness.set("projections", Err("not there yet"));
    readiness.set("database", Ok::<_, String>(()));
    assert!(!readiness.is_ready());
    assert_eq!(
        readiness.failing().into_iter().collect::<Vec<_>>(),
        [("projections", "not there yet".to_owned())]
    );
    readiness.clone().set("projections", Ok::<_, String>(()));
    assert!(readiness.is_ready());
}

#[tokio::test]
async fn a_process_that_is_not_ready_is_alive_and_names_what_fails() {
    let common = common(Profile::Dev);
    let shop = shop(&common);
    assert_eq!(ask(&shop, get("/health/ready")).await.status, 200);

    common
        .readiness()
        .set("projections", Err("12 events behind"));
    let answer = ask(&shop, get("/health/ready")).await;
    let json = answer.is_problem(503, "not-ready");
    assert_eq!(json["failing"]["projections"], "12 events behind");
    assert!(json["detail"].as_str().unwrap().contains("projections"));
    assert!(answer.header("retry-after").is_some());

    assert_eq!(ask(&shop, get("/health/live")).await.status, 200);
}

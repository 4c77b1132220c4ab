use super::{FieldError, Problem};
use crate::{
    Profile,
    testing::{ask, common, get, post_json, shop},
};

#[test]
fn a_problem_says_what_is_wrong_and_nothing_else() {
    let problem =
        Problem::conflict("insufficient-stock", "Insufficient stock").with("available", 3);
    let json = serde_json::to_value(problem.detail("only 3 are left").at("/order/7")).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "type": "/problems/insufficient-stock",
            "title": "Insufficient stock",
            "status": 409,
            "detail": "only 3 are left",
            "instance": "/order/7",
            "available": 3,
        })
    );
}

#[test]
fn one_wrong_field_is_named_in_the_detail_too() {
    let problem = Problem::invalid(vec![FieldError::new("/price", "must be at least 0.01")]);
    let json = serde_json::to_value(problem).unwrap();
    assert_eq!(json["detail"], "price: must be at least 0.01");
    assert_eq!(json["errors"][0]["pointer"], "/price");
}

#[test]
fn results_stay_small() {
    assert_eq!(size_of::<Problem>(), size_of::<usize>());
}

#[test]
#[should_panic(expected = "must be explained")]
fn a_kind_that_is_not_on_the_list_is_a_mistake() {
    let _ = Problem::conflict("nobody-knows", "Nobody knows");
}

#[tokio::test]
async fn what_a_handler_adds_reaches_the_caller() {
    let shop = shop(&common(Profile::Dev));
    let answer = ask(&shop, post_json(r#"{"name":"taken","count":1}"#)).await;
    let json = answer.is_problem(409, "insufficient-stock");
    assert_eq!(
        (&json["available"], &json["instance"]),
        (&3.into(), &"/thing".into())
    );
}

#[tokio::test]
async fn a_fault_of_ours_tells_nothing() {
    let shop = shop(&common(Profile::Dev));
    for path in ["/faulty", "/broken"] {
        let answer = ask(&shop, get(path)).await;
        let json = answer.is_problem(500, "internal");
        assert_eq!(json["instance"], path);
        for secret in ["hunter2", "database", "secret"] {
            assert!(!answer.text().contains(secret), "{json}");
        }
    }
}

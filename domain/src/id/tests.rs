use uuid::Uuid;

use super::{OrderId, PaymentId, ProductId, StockId};

const ONE: Uuid = Uuid::from_u128(1);
const TWO: Uuid = Uuid::from_u128(2);

#[test]
fn a_product_has_one_stock_record_and_an_order_one_payment() {
    assert_eq!(
        StockId::of(ProductId::from(ONE)),
        StockId::of(ProductId::from(ONE))
    );
    assert_ne!(
        StockId::of(ProductId::from(ONE)),
        StockId::of(ProductId::from(TWO))
    );
    assert_ne!(
        PaymentId::of(OrderId::from(ONE)),
        PaymentId::of(OrderId::from(TWO))
    );
}

#[test]
fn ids_that_follow_from_others_are_the_same_in_every_release() {
    let stock = StockId::of(ProductId::from(ONE));
    assert_eq!(stock.to_string(), "536e3cb2-10ab-5bce-9127-e1ffd5fc6389");
    let payment = PaymentId::of(OrderId::from(ONE));
    assert_eq!(payment.to_string(), "ab487f97-8805-5254-a887-d8c767909738");
}

#[test]
fn an_id_is_written_and_read_as_a_uuid() {
    let text = "00000000-0000-0000-0000-000000000001";
    let id: OrderId = text.parse().unwrap();
    assert_eq!(Uuid::from(id), ONE);
    assert_eq!(id.to_string(), text);
    assert_eq!(serde_json::to_value(id).unwrap(), text);
    assert_eq!(serde_json::from_value::<OrderId>(text.into()).unwrap(), id);
    assert!("order-1".parse::<OrderId>().is_err());
}

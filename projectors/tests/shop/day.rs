//! A day in the shop: something of everything that happens there, in log order.

use std::sync::Arc;

use event_store::Published;
use uuid::Uuid;

use crate::messages::{
    adjusted, attempted, cancelled, changed, committed, completed, created, declined, deleted, id,
    level_set, opened, payment_failed, payment_started, placed, published, registered, released,
    renamed, reserved, retired, role_granted, role_revoked, succeeded,
};

pub const LAMP: Uuid = id(0xa1);
pub const CHAIR: Uuid = id(0xa2);
const LAMPS: Uuid = id(0xb1);
const CHAIRS: Uuid = id(0xb2);
pub const ANNE: Uuid = id(0xc1);
pub const BOB: Uuid = id(0xc2);
const PAID: Uuid = id(0xd1);
const CANCELLED: Uuid = id(0xd2);
const OPEN: Uuid = id(0xd3);
const PAYMENT: Uuid = id(0xf1);
const DECLINED: Uuid = id(0xf2);
const FIRST: Uuid = id(0x11);
const SECOND: Uuid = id(0x12);

/// The events in log order, positions from 1, now and then one that is not published in between.
pub fn day() -> Vec<Arc<Published>> {
    let mut log = Log::default();
    log.say(LAMP, created("Lamp", 1_999));
    log.say(ANNE, registered("anne"));
    log.say(LAMPS, opened(LAMP, 10));
    log.say(CHAIR, created("Chair", 99_999));
    log.say(CHAIRS, opened(CHAIR, 5));
    log.say_nothing();
    log.say(PAID, placed(LAMP, ANNE, 2, 1_999));
    log.say(LAMPS, reserved(PAID, 2));
    log.say(BOB, registered("bob"));
    log.say(CANCELLED, placed(CHAIR, BOB, 5, 99_999));
    log.say(CHAIRS, reserved(CANCELLED, 5));
    log.say(LAMP, renamed("Desk lamp", 2_050, true));
    log.say(PAID, payment_started(PAYMENT, FIRST));
    log.say(PAYMENT, attempted(PAID, ANNE, FIRST, 3_998));
    log.say(PAID, payment_failed(FIRST));
    log.say(PAYMENT, declined(FIRST));
    log.skip_sequence(BOB);
    log.say(BOB, role_granted("admin"));
    log.say(OPEN, placed(LAMP, BOB, 1, 2_050));
    log.say(LAMPS, reserved(OPEN, 1));
    log.say(PAID, payment_started(PAYMENT, SECOND));
    log.say(PAYMENT, attempted(PAID, ANNE, SECOND, 3_998));
    log.say(PAYMENT, succeeded(PAID, ANNE, SECOND, 3_998));
    log.say(PAID, completed(PAYMENT, SECOND));
    log.say(LAMPS, committed(PAID, 2));
    log.say(CANCELLED, changed(4));
    log.say(CHAIRS, released(CANCELLED, 1));
    log.say(CANCELLED, cancelled());
    log.say(CHAIRS, released(CANCELLED, 4));
    log.say_nothing();
    log.say(OPEN, changed(3));
    log.say(LAMPS, reserved(OPEN, 2));
    log.say(OPEN, payment_started(DECLINED, FIRST));
    log.say(DECLINED, attempted(OPEN, BOB, FIRST, 6_150));
    log.say(DECLINED, declined(FIRST));
    log.say(OPEN, payment_failed(FIRST));
    log.say(LAMPS, adjusted(-1));
    log.say(CHAIR, deleted());
    log.say(CHAIRS, retired());
    log.say(BOB, role_revoked("admin"));
    log.say(LAMPS, level_set(20));
    log.events
}

#[derive(Default)]
struct Log {
    events: Vec<Arc<Published>>,
    position: i64,
    sequences: std::collections::HashMap<Uuid, i64>,
}

impl Log {
    fn say(&mut self, of: Uuid, message: proto::Message) {
        self.position += 1;
        let sequence = self.sequences.entry(of).or_default();
        *sequence += 1;
        let event = published(self.position, of, *sequence, message);
        self.events.push(event);
    }

    fn say_nothing(&mut self) {
        self.position += 1;
    }

    fn skip_sequence(&mut self, of: Uuid) {
        self.position += 1;
        *self.sequences.entry(of).or_default() += 1;
    }
}

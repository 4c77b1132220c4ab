//! Lists: a page of rows, and where the next one begins.

use axum::{
    http::{Uri, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use service::{Cursor, Json, PageLimit, Result, next_link};
use utoipa::IntoParams;

use crate::reader::Reader;

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// How many at most
    #[serde(default)]
    #[param(inline)]
    pub(crate) limit: PageLimit,
    /// Where the page begins, from the `Link` header of the one before
    pub(crate) cursor: Option<String>,
}

/// Of a question without parameters: one that is sent all the same is refused, not passed over in silence.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoParameters {}

/// The lists that have pages. A cursor of one is none of another; it holds the `id` of the last row shown, which no
/// later row takes the place of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum List {
    Products,
    Inventory,
    Orders,
    Payments,
    Notifications,
}

impl List {
    /// The `id` of the last row that was shown.
    pub(crate) fn last_shown(self, reader: &Reader, cursor: Option<&str>) -> Result<Option<i64>> {
        cursor
            .map(|cursor| Cursor::decode(&reader.common, self.name(), cursor))
            .transpose()
    }

    /// A page of this list out of rows that were read with [`one_more`].
    pub(crate) fn page<T: Serialize>(
        self,
        reader: &Reader,
        uri: &Uri,
        limit: PageLimit,
        rows: Vec<T>,
        id: impl Fn(&T) -> i64,
    ) -> Response {
        answer(limit, rows, |last| {
            let cursor = Cursor::encode(&reader.common, self.name(), &id(last));
            (header::LINK, next_link(uri, &cursor))
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Products => "products",
            Self::Inventory => "inventory",
            Self::Orders => "orders",
            Self::Payments => "payments",
            Self::Notifications => "notifications",
        }
    }
}

/// How many rows to read, so that one too many tells that there is a next page.
pub(crate) fn one_more(limit: PageLimit) -> i64 {
    limit.get() + 1
}

/// The rows without the one too many, and a header of its own when there was one.
pub(crate) fn answer<T: Serialize, H>(
    limit: PageLimit,
    mut rows: Vec<T>,
    next: impl FnOnce(&T) -> H,
) -> Response
where
    [H; 1]: axum::response::IntoResponseParts,
{
    let more = rows.len() > limit.len();
    rows.truncate(limit.len());
    match rows.last() {
        Some(last) if more => ([next(last)], Json(&rows)).into_response(),
        _ => Json(&rows).into_response(),
    }
}

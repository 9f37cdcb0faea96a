//! Consolidation without side effects: which of the parcels in a request would share a label, and why.

use std::fmt;
use std::sync::Arc;

use axum::extract::{Extension, Request};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::de::{Error, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::Semaphore;

use super::orders::answered;
use super::things::Checker;
use crate::domain::consolidate::{self, Candidate, Group, PARCELS_DEFAULT, PARCELS_MAX, Rules};
use crate::domain::ids::{CarrierCode, OrderId};
use crate::message::{Language, group_text, parcel_text};
use crate::web::body::{BODY_TIME, Body, BodyLimit};
use crate::web::problem::Problem;
use crate::web::spoken::Spoken;

/// Parcels in one request: four peak days of one warehouse.
const PLANNED_MAX: usize = 100_000;

/// So many parcels with all their fields, indented, at some 330 bytes each.
const LIMIT: BodyLimit =
    BodyLimit { bytes: 32 * 1024 * 1024, time: BODY_TIME, hint: "send up to 100,000 parcels a request" };

/// Longest ship time that a message repeats, in characters: RFC 3339 needs 35.
const ECHO_MAX: usize = 40;

/// Plans are made one at a time: their bodies are the largest that are taken, and scans need the other core.
#[derive(Clone)]
pub(super) struct OneAtATime(Arc<Semaphore>);

impl Default for OneAtATime {
    fn default() -> Self {
        OneAtATime(Arc::new(Semaphore::new(1)))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanBody {
    parcels: Parcels,
    max: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParcelBody {
    order: String,
    carrier: String,
    courier: Option<String>,
    region: Option<String>,
    ship_time: Option<String>,
}

/// A parcel of a request that says something that can be.
#[derive(Deserialize)]
#[serde(try_from = "ParcelBody")]
struct Planned(Candidate);

impl TryFrom<ParcelBody> for Planned {
    type Error = String;

    fn try_from(parcel: ParcelBody) -> Result<Planned, String> {
        let mut check = Checker::new("");
        let order = check.id("order", &parcel.order, OrderId::new);
        let named = order.as_ref().map(|order| format!("order {order}: ")).unwrap_or_default();
        let carrier = check.id("carrier", &parcel.carrier, CarrierCode::new);
        let courier = check.text("courier", parcel.courier);
        let region = check.text("region", parcel.region);
        let ship_time = parcel.ship_time.map(|at| at.parse::<Timestamp>().map_err(|_| at));
        if let Some(Err(at)) = &ship_time {
            let at: String = at.chars().take(ECHO_MAX).collect();
            check.fault(format!("ship_time \"{at}\" is no time with offset; write it like 2026-11-21T15:00:00+08:00"));
        }
        let candidate = order.zip(carrier).map(|(order, carrier)| Candidate {
            order,
            parcel: None,
            carrier,
            courier,
            region,
            ship_time: ship_time.and_then(Result::ok),
            station: None,
        });
        check.finish(candidate).map(Planned).map_err(|(_, fault)| format!("{named}{fault}"))
    }
}

/// The parcels of a request, no more than are planned at once.
struct Parcels(Vec<Candidate>);

impl<'de> Deserialize<'de> for Parcels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ParcelVisitor)
    }
}

struct ParcelVisitor;

impl<'de> Visitor<'de> for ParcelVisitor {
    type Value = Parcels;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an array of parcels")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Parcels, A::Error> {
        let mut parcels = Vec::new();
        while let Some(Planned(candidate)) = sequence.next_element()? {
            if parcels.len() == PLANNED_MAX {
                return Err(A::Error::custom(format!("up to {PLANNED_MAX} parcels a request are taken")));
            }
            parcels.push(candidate);
        }
        Ok(Parcels(parcels))
    }
}

/// A plan as the contract writes it.
#[derive(Serialize)]
struct PlanAnswer<'g> {
    groups: Vec<GroupAnswer<'g>>,
}

/// Written member by member: a plan of 100,000 parcels is never there twice.
struct GroupAnswer<'g>(Group<'g>, Language);

impl Serialize for GroupAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields<'f> {
            orders: Orders<'f>,
            why: String,
            parcels: Reasons<'f>,
        }
        let GroupAnswer(group, language) = self;
        let (orders, why) = (Orders(group), group_text(group, *language));
        Fields { orders, why, parcels: Reasons(group, *language) }.serialize(serializer)
    }
}

struct Orders<'f>(&'f Group<'f>);

impl Serialize for Orders<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.members().map(|parcel| &parcel.order))
    }
}

struct Reasons<'f>(&'f Group<'f>, Language);

impl Serialize for Reasons<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Reason<'r> {
            order: &'r OrderId,
            why: String,
        }
        let mut sequence = serializer.serialize_seq(None)?;
        for (parcel, why) in self.0.parcels() {
            let why = parcel_text(&why, self.1);
            sequence.serialize_element(&Reason { order: &parcel.order, why })?;
        }
        sequence.end()
    }
}

/// The answer's JSON. The body goes before the answer comes: both have many megabytes.
fn planned(body: Body, language: Language) -> Result<String, Problem> {
    let PlanBody { parcels: Parcels(parcels), max } = body.json()?;
    drop(body);
    let rules = max.map_or(Ok(Rules::default()), Rules::new).map_err(|error| {
        let hint = format!("leave max out for {PARCELS_DEFAULT}, or send 1 to {PARCELS_MAX}");
        Problem::malformed(error.to_string()).hint(hint)
    })?;
    let groups = consolidate::plan(&parcels, &rules).into_iter().map(|group| GroupAnswer(group, language));
    serde_json::to_string(&PlanAnswer { groups: groups.collect() }).map_err(broken)
}

fn broken(error: impl fmt::Display) -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "plan",
        error.to_string(),
        "nothing was changed; the log of the box tells more",
    )
}

pub(super) async fn plan(
    Extension(OneAtATime(places)): Extension<OneAtATime>,
    Spoken(language): Spoken,
    request: Request,
) -> Result<Response, Problem> {
    let place = places.acquire_owned().await.map_err(broken)?;
    let body = Body::read(request, LIMIT).await?;
    let answer = tokio::task::spawn_blocking(move || {
        let answer = planned(body, language);
        drop(place);
        answer
    });
    let answer = answer.await.map_err(broken)??;
    Ok(answered(StatusCode::OK, answer))
}

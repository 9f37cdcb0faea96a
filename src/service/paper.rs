//! What stands on paper: for each kind of thing that is printed, the record that fills its template, gathered from the
//! state at the moment when it is printed.

use jiff::Timestamp;

use crate::barcode::codes::{CodeKind, SiteKey};
use crate::config::Sender;
use crate::domain::bag::{Bag, LabelVersion, Member};
use crate::domain::ids::{ParcelId, WaybillNo};
use crate::domain::manifest::{Manifest, tally};
use crate::domain::order::Order;
use crate::domain::printing::{PrintJob, PrintTrouble, Printable, label_that_holds};
use crate::domain::view::View;
use crate::domain::work::{Parcel, Waybill, WaybillLabel};
use crate::label::Value;
use crate::print::Printer;

/// Characters of a product's name on a waybill: its line has room for some thirty.
const GOODS_MAX: usize = 24;

/// What fills a template, or a label that is printed as it came.
pub(super) enum Paper {
    /// A record for the job's template.
    Record(Value),
    /// A carrier's or platform's own label.
    Own {
        /// The number that it is for.
        number: WaybillNo,
        /// The label.
        label: WaybillLabel,
    },
}

/// What records are made with.
pub(super) struct Desk<'d> {
    /// The site's key, for our codes.
    pub(super) key: &'d SiteKey,
    /// Who sends.
    pub(super) sender: &'d Sender,
    /// A moment as the site writes it.
    pub(super) written: &'d dyn Fn(Timestamp) -> String,
    /// Now.
    pub(super) now: Timestamp,
}

impl Desk<'_> {
    /// What a job prints.
    ///
    /// # Errors
    /// It is no longer there, or no longer holds.
    pub(super) fn paper(&self, view: &dyn View, job: &PrintJob, printer: &Printer) -> Result<Paper, PrintTrouble> {
        match &job.what {
            Printable::Waybill { waybill, parcel } => self.waybill(view, waybill, parcel.as_ref(), job.copy),
            Printable::Manifest { manifest } => {
                let manifest = view.manifest(manifest.as_str()).ok_or(PrintTrouble::Gone)?;
                Ok(Paper::Record(self.manifest(view, &manifest)))
            }
            Printable::SelfTest { .. } => Ok(Paper::Record(self.self_test(printer))),
            Printable::Label { label, version } => {
                let (bag, version) = label_that_holds(view, *label, *version)?;
                Ok(Paper::Record(self.label(view, &bag, &version, self.stamp(job.copy))))
            }
        }
    }

    /// A version of an aggregated label, as it would be printed first: for eyes, so that it looks the same each time.
    pub(super) fn label_as_made(&self, view: &dyn View, bag: &Bag, version: &LabelVersion) -> Value {
        self.label(view, bag, version, minute(&(self.written)(version.at.wall)))
    }

    /// The slip of a bag: how many pieces are in it, and a code for each of them.
    fn label(&self, view: &dyn View, bag: &Bag, version: &LabelVersion, printed_at: String) -> Value {
        let orders = version.members.iter().map(|member| view.order(member.order.as_str()));
        let mut sort_codes = orders.map(|order| order.and_then(|order| order.spec.sort_code.clone()));
        // several sort codes have no common one: each parcel's own waybill says where it goes
        let first = sort_codes.next().flatten();
        let sort_code = first.filter(|first| sort_codes.all(|other| other.as_ref() == Some(first)));
        let members = version.members.iter().map(|member| self.member(view, bag, version, member));
        let optional = |text: Option<String>| text.map_or(Value::Null, Value::from);
        Value::table([
            (
                "label",
                Value::table([
                    ("number", bag.id.as_str().into()),
                    ("version", Value::Whole(i64::from(version.version))),
                    ("pieces", Value::Whole(i64::try_from(version.members.len()).unwrap_or(i64::MAX))),
                    ("sort_code", optional(sort_code)),
                    ("carrier", bag.carrier.as_str().into()),
                    ("courier", optional(bag.courier.clone())),
                    ("region", bag.region.as_str().into()),
                    ("station", bag.station.as_str().into()),
                    ("printed_at", printed_at.into()),
                ]),
            ),
            ("members", Value::List(members.collect())),
        ])
    }

    fn member(&self, view: &dyn View, bag: &Bag, version: &LabelVersion, member: &Member) -> Value {
        let (order, parcel) = (view.order(member.order.as_str()), view.parcel(member.parcel.as_str()));
        let waybill = parcel.as_ref().and_then(|parcel| parcel.waybill.as_ref());
        let summary = order.as_ref().zip(parcel.as_ref()).map(|(order, parcel)| goods(order, parcel));
        let consignee = order.as_ref().map(|order| &order.spec.consignee);
        let person = |field: Option<&String>| Value::from(field.map_or("", String::as_str));
        Value::table([
            ("scan_code", self.key.code(CodeKind::LabelMember, &bag.code_of(version.version, member.number)).into()),
            ("short", member.parcel.as_str().into()),
            ("order", member.order.as_str().into()),
            ("waybill", waybill.map_or(Value::Null, |number| number.as_str().into())),
            ("summary", summary.map_or(Value::Null, Value::from)),
            (
                "consignee",
                Value::table([
                    ("name", person(consignee.map(|consignee| &consignee.name))),
                    ("phone", person(consignee.map(|consignee| &consignee.phone))),
                ]),
            ),
        ])
    }

    /// Now, to the minute, with the copy where it is not the first.
    fn stamp(&self, copy: u32) -> String {
        let minute = minute(&(self.written)(self.now));
        if copy > 1 { format!("{minute} #{copy}") } else { minute }
    }

    fn waybill(
        &self,
        view: &dyn View,
        number: &WaybillNo,
        parcel: Option<&ParcelId>,
        copy: u32,
    ) -> Result<Paper, PrintTrouble> {
        let waybill = view.waybill(number.as_str()).ok_or(PrintTrouble::Gone)?;
        if waybill.void.is_some() {
            return Err(PrintTrouble::Void);
        }
        let parcel = parcel.and_then(|id| view.parcel(id.as_str()));
        let order = parcel.as_ref().map(|parcel| parcel.order.clone()).or_else(|| waybill.orders.first().cloned());
        let order = order.and_then(|id| view.order(id.as_str())).ok_or(PrintTrouble::Gone)?;
        if order.cancelled {
            return Err(PrintTrouble::Void);
        }
        if let Some(label) = &waybill.label {
            return Ok(Paper::Own { number: number.clone(), label: label.clone() });
        }
        Ok(Paper::Record(self.waybill_record(view, &waybill, &order, parcel.as_deref(), copy)))
    }

    fn waybill_record(
        &self,
        view: &dyn View,
        waybill: &Waybill,
        order: &Order,
        parcel: Option<&Parcel>,
        copy: u32,
    ) -> Value {
        let boxes = order.parcels.iter().filter_map(|id| view.parcel(id.as_str()));
        let boxes = boxes.filter(|parcel| !parcel.contents.is_empty()).count().max(1);
        let piece = parcel.map_or(1, |parcel| parcel.piece);
        let consignee = &order.spec.consignee;
        let optional = |text: &Option<String>| text.clone().map_or(Value::Null, Value::from);
        Value::table([
            (
                "waybill",
                Value::table([
                    ("number", waybill.number.as_str().into()),
                    ("carrier", waybill.carrier.as_str().into()),
                    ("sort_code", optional(&order.spec.sort_code)),
                    ("bag_place", optional(&order.spec.region)),
                    ("piece", Value::Whole(i64::from(piece))),
                    ("of", Value::Whole(i64::try_from(boxes).unwrap_or(i64::MAX).max(i64::from(piece)))),
                    ("goods", parcel.map_or(Value::Null, |parcel| goods(order, parcel).into())),
                    ("printed_at", self.stamp(copy).into()),
                ]),
            ),
            (
                "order",
                Value::table([
                    ("id", order.id().as_str().into()),
                    ("scan_code", self.key.code(CodeKind::Order, &order.number.to_string()).into()),
                ]),
            ),
            (
                "consignee",
                Value::table([
                    ("name", consignee.name.as_str().into()),
                    ("phone", consignee.phone.as_str().into()),
                    ("address", consignee.address.as_str().into()),
                ]),
            ),
            (
                "sender",
                Value::table([
                    ("name", self.sender.name.as_str().into()),
                    ("phone", self.sender.phone.as_str().into()),
                    ("address", self.sender.address.as_str().into()),
                ]),
            ),
        ])
    }

    /// The list that is signed at the hand-over: what is loaded, and how much of what was expected is missing.
    pub(super) fn manifest(&self, view: &dyn View, manifest: &Manifest) -> Value {
        let tally = tally(view, manifest);
        let mut parcels = Vec::new();
        let mut station = None;
        for waybill in &tally.loaded {
            let loading = waybill.loading.as_ref();
            station = station.or_else(|| loading.map(|loading| loading.station.to_string()));
            let loaded_at = loading.map(|loading| clock(&(self.written)(loading.at.wall)));
            let boxes: Vec<_> = waybill.parcels.iter().filter_map(|id| view.parcel(id.as_str())).collect();
            for (index, parcel) in boxes.iter().enumerate() {
                let order = view.order(parcel.order.as_str());
                let region = order.and_then(|order| order.spec.region.clone());
                parcels.push(Value::table([
                    ("waybill", waybill.number.as_str().into()),
                    ("order", parcel.order.as_str().into()),
                    ("region", region.map_or(Value::Null, Value::from)),
                    ("piece", format!("{}/{}", index + 1, boxes.len()).into()),
                    ("loaded_at", loaded_at.clone().map_or(Value::Null, Value::from)),
                ]));
            }
        }
        let whole = |count: usize| Value::Whole(i64::try_from(count).unwrap_or(i64::MAX));
        let code = self.key.code(CodeKind::Manifest, &manifest.number.to_string());
        let departure = manifest.departure.as_deref().map(minute).unwrap_or_default();
        Value::table([
            (
                "manifest",
                Value::table([
                    ("id", manifest.id.as_str().into()),
                    ("scan_code", code.into()),
                    ("carrier", manifest.carrier.as_str().into()),
                    ("departure", departure.into()),
                    ("station", station.unwrap_or_default().into()),
                    ("vehicle", Value::Null),
                    ("driver", Value::Null),
                    ("pieces", whole(parcels.len())),
                    ("missing", whole(tally.missing.len())),
                    ("printed_at", self.stamp(1).into()),
                ]),
            ),
            ("parcels", Value::List(parcels)),
        ])
    }

    fn self_test(&self, printer: &Printer) -> Value {
        Value::table([(
            "printer",
            Value::table([
                ("name", printer.id.as_str().into()),
                ("language", printer.profile.language.as_str().to_uppercase().into()),
                ("dpi", Value::Whole(i64::from(printer.profile.dpi))),
                ("printed_at", self.stamp(1).into()),
            ]),
        )])
    }
}

/// What is in a box, in one line: the first product, and how many pieces there are.
fn goods(order: &Order, parcel: &Parcel) -> String {
    let pieces: u32 = parcel.contents.iter().map(|content| content.quantity).sum();
    let first = parcel.contents.first().and_then(|content| order.line(content.line));
    let name = first.map(|line| line.spec.name.clone().unwrap_or_else(|| line.spec.sku.to_string()));
    let name: String = name.unwrap_or_default().chars().take(GOODS_MAX).collect();
    let more = if parcel.contents.len() > 1 { " …" } else { "" };
    format!("{name}{more} ×{pieces}")
}

/// `2026-11-21T17:52:00+08:00` as `2026-11-21 17:52`.
fn minute(written: &str) -> String {
    written.chars().take(16).map(|character| if character == 'T' { ' ' } else { character }).collect()
}

/// `2026-11-21T17:52:03.120+08:00` as `17:52:03`.
fn clock(written: &str) -> String {
    written.chars().skip(11).take(8).collect()
}

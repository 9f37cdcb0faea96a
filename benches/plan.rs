//! Consolidation of 100,000 waiting parcels.
//!
//! The same run sorts the same parcels by courier, region and time, so that the printed ratio says something on any
//! machine.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use waybind::domain::consolidate::{Candidate, Rules, plan};
use waybind::domain::ids::{CarrierCode, OrderId, StationId};
use waybind::message::{Language, group_text, parcel_text};

const WAITING: u64 = 100_000;

/// Parcels of ten hours at 16 stations: 8 carriers with 5 couriers each and some without, 40 regions, and one in a
/// hundred without a region; in no order.
fn waiting() -> Vec<Candidate> {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut below = |limit: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % limit
    };
    (0..WAITING)
        .map(|number| {
            let courier = below(6);
            Candidate {
                order: OrderId::new(&format!("SO-20261121-{number:06}")).unwrap(),
                parcel: None,
                carrier: CarrierCode::new(&format!("CARRIER-{}", below(8))).unwrap(),
                courier: (courier > 0).then(|| format!("ROUTE-{courier}")),
                region: (below(100) > 0).then(|| format!("33{:04}", below(40))),
                ship_time: Timestamp::from_second(1_795_000_000 + i64::try_from(below(36_000)).unwrap()).ok(),
                station: StationId::new(&format!("pack-{:02}", below(16))).ok(),
            }
        })
        .collect()
}

fn sorted(parcels: &[Candidate]) -> usize {
    let mut sorted: Vec<&Candidate> = parcels.iter().collect();
    sorted.sort_unstable_by(|one, other| {
        let places = (&one.carrier, &one.courier, &one.region).cmp(&(&other.carrier, &other.courier, &other.region));
        places.then_with(|| {
            (&one.station, one.ship_time, &one.order).cmp(&(&other.station, other.ship_time, &other.order))
        })
    });
    black_box(&sorted).len()
}

fn told(parcels: &[Candidate], rules: &Rules) -> usize {
    let groups = plan(parcels, rules);
    let lengths = groups.iter().map(|group| {
        let each = group.parcels().map(|(_, why)| parcel_text(&why, Language::Chinese).len());
        group_text(group, Language::Chinese).len() + each.sum::<usize>()
    });
    lengths.sum()
}

fn timed(work: impl Fn() -> usize) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..10 {
        let start = Instant::now();
        black_box(work());
        best = best.min(start.elapsed());
    }
    best
}

fn plans(criterion: &mut Criterion) {
    let parcels = waiting();
    let (one, any) = (Rules::default(), Rules::default().across_stations());
    let labels = plan(&parcels, &any).len();
    assert!((33_000..60_000).contains(&labels), "{labels} labels: the parcels are what they say");
    let sort = timed(|| sorted(&parcels));
    let times = |work: Duration| work.as_secs_f64() / sort.as_secs_f64();
    let (planned, told) = (timed(|| plan(&parcels, &one).len()), timed(|| told(&parcels, &one)));
    println!(
        "plan: {WAITING} parcels in {:.0} ms, {:.2} times sorting them; {:.2} times with every reason in words",
        planned.as_secs_f64() * 1e3,
        times(planned),
        times(told)
    );
    let mut group = criterion.benchmark_group("plan");
    group.throughput(Throughput::Elements(WAITING)).sample_size(10);
    group.bench_function("by station", |bencher| bencher.iter(|| plan(&parcels, &one).len()));
    group.bench_function("across stations", |bencher| bencher.iter(|| plan(&parcels, &any).len()));
    group.finish();
}

criterion_group!(benches, plans);
criterion_main!(benches);

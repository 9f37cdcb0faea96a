//! Dead letters: which facts a target does not have although their turn was, and what it answered. The facts themselves
//! stay in the ledger, and what an order did after its dead letter is read from there once that is settled.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Fact;

/// The name of the file.
pub(super) const FILE: &str = "dead.jsonl";

/// Dead letters that a target may have. One that refuses more than this is set up wrongly: it is told nothing further
/// until somebody has looked, rather than that its dead letters grow without end.
pub(super) const DEAD_MAX: usize = 10_000;

/// Bytes of an answer that are kept: enough to see what the target did not like.
pub(super) const ANSWER_KEPT: usize = 300;

/// Lines of the journal that are history before it is written anew: letters that are tried again and again add a line each.
const HISTORY_MAX: usize = 500;

/// Why a target does not have a fact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It refused it.
    #[default]
    Refused,
    /// It fails on it, while it takes others.
    Failing,
}

impl Why {
    /// As the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Why::Refused => "refused",
            Why::Failing => "failing",
        }
    }
}

/// A fact that a target would not take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its place in the feed.
    pub seq: u64,
    /// Its id.
    pub id: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The order that it is about.
    pub order: Option<String>,
    /// When it was refused.
    pub at: jiff::Timestamp,
    /// What the target answered.
    pub answer: String,
    /// How often it was refused, or failed.
    pub times: u32,
    /// Why the target does not have it.
    #[serde(default)]
    pub why: Why,
    /// How often it is tried again by itself; then only a person sends it.
    #[serde(default)]
    pub left: u32,
    /// When it is tried again by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<jiff::Timestamp>,
    /// What a person made of it, which goes out in its stead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
}

/// A person's correction of what is sent; the fact in the ledger stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Who.
    pub by: String,
    /// When.
    pub at: jiff::Timestamp,
    /// What is sent as the event's data.
    pub data: serde_json::Value,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Dead(DeadLetter),
    /// The target got it after all, or a person let it go; what its order did since is owed.
    Gone {
        gone: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<String>,
    },
    /// The target was told what it was owed of an order.
    Told {
        told: String,
    },
}

/// What the journal says.
#[derive(Debug, Default)]
struct Kept {
    letters: BTreeMap<u64, DeadLetter>,
    /// The places of an order's letters.
    of_order: BTreeMap<String, BTreeSet<u64>>,
    /// The orders whose later facts the target is still to be told, and after which place.
    owed: BTreeMap<String, u64>,
}

/// The open journal.
#[derive(Debug)]
pub(super) struct Dead {
    path: PathBuf,
    file: File,
    kept: Kept,
    /// Lines of the file.
    lines: usize,
}

impl Kept {
    fn fold(&mut self, line: Line) {
        match line {
            Line::Dead(letter) => {
                if let Some(order) = &letter.order {
                    self.of_order.entry(order.clone()).or_default().insert(letter.seq);
                    // what is owed of the order begins after this letter from now on
                    if self.owed.get(order).is_some_and(|after| *after < letter.seq)
                        && !self.letters.contains_key(&letter.seq)
                    {
                        self.owed.remove(order);
                    }
                }
                self.letters.insert(letter.seq, letter);
            }
            Line::Gone { gone, order } => {
                let letter = self.letters.remove(&gone);
                if let Some(of) = letter.and_then(|letter| letter.order)
                    && let Some(places) = self.of_order.get_mut(&of)
                {
                    places.remove(&gone);
                    if places.is_empty() {
                        self.of_order.remove(&of);
                    }
                }
                if let Some(order) = order {
                    let after = self.owed.entry(order).or_insert(gone);
                    *after = gone.min(*after);
                }
            }
            Line::Told { told } => drop(self.owed.remove(&told)),
        }
    }

    fn lines(&self) -> Vec<Line> {
        let letters = self.letters.values().cloned().map(Line::Dead);
        let owed = self.owed.iter().map(|(order, after)| Line::Gone { gone: *after, order: Some(order.clone()) });
        // letters come first: one that stands after it would take away what is owed
        letters.chain(owed).collect()
    }
}

impl Dead {
    /// Opens or makes the journal, and rewrites it without what is history.
    pub(super) fn open(path: &Path) -> io::Result<Dead> {
        let kept = read(path)?;
        let (file, lines) = rewrite(path, &kept)?;
        Ok(Dead { path: path.to_owned(), file, kept, lines })
    }

    pub(super) fn letters(&self) -> &BTreeMap<u64, DeadLetter> {
        &self.kept.letters
    }

    pub(super) fn is_full(&self) -> bool {
        self.kept.letters.len() >= DEAD_MAX
    }

    /// Whether a fact is a dead letter, or comes after one of its order.
    pub(super) fn waits(&self, fact: &Fact) -> bool {
        let after = |order: &String| self.kept.owed.get(order).is_some_and(|after| *after < fact.seq);
        let behind = |order: &String| self.first_of(order).is_some_and(|first| first <= fact.seq);
        self.kept.letters.contains_key(&fact.seq)
            || fact.order.as_ref().is_some_and(|order| behind(order) || after(order))
    }

    /// The first dead letter of an order.
    fn first_of(&self, order: &str) -> Option<u64> {
        self.kept.of_order.get(order)?.first().copied()
    }

    /// Whether a letter may go now: none of its order stands before it.
    pub(super) fn may_go(&self, letter: &DeadLetter) -> bool {
        let Some(order) = &letter.order else { return true };
        let is_owed = self.kept.owed.get(order).is_some_and(|after| *after < letter.seq);
        !is_owed && self.first_of(order).is_none_or(|first| first >= letter.seq)
    }

    /// An order whose later facts the target is to be told now, and after which place.
    pub(super) fn owed(&self) -> Option<(String, u64)> {
        let free = |(order, after): &(&String, &u64)| self.first_of(order).is_none_or(|first| first > **after);
        self.kept.owed.iter().find(free).map(|(order, after)| (order.clone(), *after))
    }

    /// Orders of which the target is not told what they do, because it does not have something before it.
    pub(super) fn orders_waiting(&self) -> usize {
        let only_owed = self.kept.owed.keys().filter(|order| !self.kept.of_order.contains_key(*order));
        self.kept.of_order.len() + only_owed.count()
    }

    /// Keeps a letter; it is on disk afterwards.
    pub(super) fn bury(&mut self, letter: DeadLetter) -> io::Result<()> {
        self.append(Line::Dead(letter))
    }

    /// The target has it after all, or will never have it; what its order did since is owed.
    pub(super) fn settle(&mut self, seq: u64) -> io::Result<()> {
        let order = self.kept.letters.get(&seq).and_then(|letter| letter.order.clone());
        self.append(Line::Gone { gone: seq, order })
    }

    /// The target was told of an order up to here; that it was is on disk no sooner than the last of it.
    pub(super) fn told_through(&mut self, order: &str, seq: u64) {
        if let Some(after) = self.kept.owed.get_mut(order) {
            *after = seq;
        }
    }

    /// The target was told all that it was owed of an order.
    pub(super) fn told(&mut self, order: String) -> io::Result<()> {
        self.append(Line::Told { told: order })
    }

    fn append(&mut self, line: Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        let failed =
            |error: io::Error| io::Error::new(error.kind(), format!("can't write {}: {error}", self.path.display()));
        let before = self.file.metadata().map_err(failed)?.len();
        if let Err(error) = self.file.write_all(&text).and_then(|()| self.file.sync_data()) {
            // half a line would swallow the next one
            self.file.set_len(before).map_err(failed)?;
            return Err(failed(error));
        }
        self.lines += 1;
        self.kept.fold(line);
        let history = self.lines.saturating_sub(self.kept.letters.len() + self.kept.owed.len());
        if history > HISTORY_MAX + self.kept.letters.len() {
            (self.file, self.lines) = rewrite(&self.path, &self.kept).map_err(failed)?;
        }
        Ok(())
    }
}

/// The place of the first letter that waits, or after which an order is still to be told; none where there is none.
///
/// # Errors
/// The file can't be read.
pub(super) fn first(path: &Path) -> io::Result<Option<u64>> {
    let kept = read(path)?;
    let letter = kept.letters.first_key_value().map(|(seq, _)| *seq);
    // what follows that place is still wanted
    let owed = kept.owed.values().min().map(|after| after + 1);
    Ok(letter.into_iter().chain(owed).min())
}

/// Writes a journal anew; answers the file, open for more lines, and how many it has.
fn rewrite(path: &Path, kept: &Kept) -> io::Result<(File, usize)> {
    let (mut text, lines) = (Vec::new(), kept.lines());
    for line in &lines {
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
    }
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(&text)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok((File::options().append(true).open(path)?, lines.len()))
}

fn read(path: &Path) -> io::Result<Kept> {
    let mut kept = Kept::default();
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(kept),
        opened => opened?,
    };
    for line in BufReader::new(file).split(b'\n') {
        match serde_json::from_slice(&line?) {
            Ok(line) => kept.fold(line),
            // the last line of a crash: the cursor did not pass it, and it is sent again
            Err(error) => tracing::warn!(%error, path = %path.display(), "A line of the dead letters is broken."),
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(seq: u64, order: Option<&str>) -> DeadLetter {
        DeadLetter {
            seq,
            id: format!("a-{seq}"),
            kind: "packed".into(),
            order: order.map(str::to_owned),
            at: jiff::Timestamp::UNIX_EPOCH,
            answer: "422".into(),
            times: 1,
            why: Why::Refused,
            left: 0,
            next: None,
            correction: None,
        }
    }

    fn fact(seq: u64, order: Option<&str>) -> Fact {
        Fact { seq, order: order.map(str::to_owned), ..Fact::default() }
    }

    fn places(dead: &Dead) -> Vec<u64> {
        dead.letters().keys().copied().collect()
    }

    #[test]
    fn what_is_buried_stays_until_it_is_settled() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("dead.jsonl");
        let mut dead = Dead::open(&path).expect("opens");
        for seq in [3, 4, 5] {
            dead.bury(letter(seq, None)).expect("buried");
        }
        dead.settle(4).expect("settled");
        File::options().append(true).open(&path).expect("there").write_all(b"{\"seq\":9,").expect("written");
        let mut dead = Dead::open(&path).expect("opens");
        assert_eq!(places(&dead), [3, 5]);
        dead.settle(3).expect("settled");
        assert_eq!(places(&Dead::open(&path).expect("opens")), [5]);
    }

    #[test]
    fn an_order_waits_behind_its_letter_until_it_was_told_the_rest() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("dead.jsonl");
        let mut dead = Dead::open(&path).expect("opens");
        dead.bury(letter(5, Some("SO-1"))).expect("buried");
        let waits = |dead: &Dead, seq, order| dead.waits(&fact(seq, order));
        assert!(waits(&dead, 5, Some("SO-1")) && waits(&dead, 6, Some("SO-1")));
        assert!(!waits(&dead, 4, Some("SO-1")) && !waits(&dead, 6, Some("SO-2")) && !waits(&dead, 6, None));
        assert_eq!((dead.owed(), dead.orders_waiting()), (None, 1));
        dead.settle(5).expect("settled");
        for mut dead in [dead, Dead::open(&path).expect("opens")] {
            assert_eq!((dead.owed(), dead.orders_waiting()), (Some(("SO-1".into(), 5)), 1));
            assert!(waits(&dead, 6, Some("SO-1")) && !waits(&dead, 5, Some("SO-1")));
            dead.told_through("SO-1", 7);
            assert!(waits(&dead, 8, Some("SO-1")) && !waits(&dead, 7, Some("SO-1")));
        }
        // what follows is refused too: it is a letter now, and nothing before it is owed
        let mut dead = Dead::open(&path).expect("opens");
        dead.bury(letter(8, Some("SO-1"))).expect("buried");
        for dead in [dead, Dead::open(&path).expect("opens")] {
            assert_eq!((dead.owed(), dead.orders_waiting()), (None, 1));
            assert!(waits(&dead, 9, Some("SO-1")) && !waits(&dead, 7, Some("SO-1")));
        }
        let mut dead = Dead::open(&path).expect("opens");
        dead.settle(8).expect("settled");
        dead.told("SO-1".into()).expect("told");
        assert_eq!((dead.owed(), dead.orders_waiting()), (None, 0));
        assert!(!waits(&Dead::open(&path).expect("opens"), 9, Some("SO-1")));
    }

    #[test]
    fn of_several_letters_of_an_order_the_first_goes_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("dead.jsonl");
        // as a journal of before stands: what came after a letter was sent all the same
        let line = |seq: u64| {
            format!(
                "{{\"seq\":{seq},\"id\":\"a-{seq}\",\"type\":\"packed\",\"order\":\"SO-1\",\"at\":\"2026-11-22T00:00:00Z\",\"answer\":\"422\",\"times\":1}}\n"
            )
        };
        std::fs::write(&path, format!("{}{}{{\"gone\":3}}\n", line(5), line(9))).expect("written");
        let mut dead = Dead::open(&path).expect("opens");
        assert!(dead.may_go(&letter(5, Some("SO-1"))) && !dead.may_go(&letter(9, Some("SO-1"))));
        dead.settle(5).expect("settled");
        assert!(!dead.may_go(&letter(9, Some("SO-1"))), "what stands between comes first");
        assert_eq!(dead.owed(), Some(("SO-1".into(), 5)));
        // refused again: what is owed before it stays owed
        dead.bury(letter(9, Some("SO-1"))).expect("buried");
        assert_eq!(dead.owed(), Some(("SO-1".into(), 5)));
        assert_eq!(Dead::open(&path).expect("opens").owed(), Some(("SO-1".into(), 5)));
        dead.told("SO-1".into()).expect("told");
        assert!(dead.may_go(&letter(9, Some("SO-1"))));
    }

    #[test]
    fn history_does_not_pile_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("dead.jsonl");
        let mut dead = Dead::open(&path).expect("opens");
        for times in 0..2 * HISTORY_MAX as u32 {
            dead.bury(DeadLetter { times, ..letter(1, None) }).expect("buried");
        }
        let lines = std::fs::read_to_string(&path).expect("there").lines().count();
        assert!(lines <= HISTORY_MAX + 2, "{lines}");
        assert_eq!(Dead::open(&path).expect("opens").letters()[&1].times, 2 * HISTORY_MAX as u32 - 1);
    }
}

//! Things on their way into the ledger: what waits is kept and taken when what it waits for comes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::handle::{Shared, Source};
use super::kept::{Kept, KeptFile, Key};
use super::{Arrived, Inbox, Reference, Taken};
use crate::codec::shape::Unfit;
use crate::intake::Kind;

/// References that are looked up at once: reading them costs the page of a station no noticeable time.
const LOOKED_UP_MAX: usize = 500;

/// Things that are judged again at once.
const AGAIN_MAX: usize = 200;

/// What became of things.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// New ones.
    pub created: u64,
    /// Ones that changed something.
    pub updated: u64,
    /// Ones that said nothing new.
    pub unchanged: u64,
    /// Ones that had to wait.
    pub waited: u64,
    /// Ones that were refused.
    pub refused: u64,
}

impl Counts {
    fn count(&mut self, taken: &Taken) {
        *match taken {
            Taken::Created => &mut self.created,
            Taken::Updated => &mut self.updated,
            Taken::Unchanged => &mut self.unchanged,
            Taken::Waits(..) => &mut self.waited,
            Taken::Refused(_) | Taken::Heard(_) => &mut self.refused,
        } += 1;
    }
}

/// A thing as it came, and as it was understood.
pub(super) struct Came {
    pub(super) kind: Kind,
    /// As the source described it.
    pub(super) value: Value,
    pub(super) read: Result<Arrived, Unfit>,
}

/// What things of a source go through.
pub(super) struct Intake<I> {
    pub(super) name: Arc<str>,
    pub(super) inbox: I,
    pub(super) kept: KeptFile,
    pub(super) shared: Arc<Shared>,
    /// Whether what is refused is kept; a folder tells it in the file's report instead.
    keeps_refused: bool,
    /// The last of the refused things that were judged again by themselves: the next ones come after it.
    again_after: Option<Key>,
}

/// The name of a thing whose id can't be read: what it says.
fn nameless(value: &Value) -> String {
    let hash = Sha256::digest(value.to_string().as_bytes());
    format!("?{}", &data_encoding::HEXLOWER.encode(&hash)[..12])
}

impl<I: Inbox> Intake<I> {
    pub(super) fn new(source: &Source, inbox: I, kept: KeptFile, keeps_refused: bool) -> Intake<I> {
        let (name, shared) = (source.name.clone(), source.shared.clone());
        Intake { name, inbox, kept, shared, keeps_refused, again_after: None }
    }

    /// Takes things, and keeps those that wait or are refused. Answers what became of each, in their order; everything
    /// is durable then.
    pub(super) async fn take(&mut self, came: Vec<Came>) -> Result<Vec<Taken>, String> {
        let now = self.inbox.now();
        let mut things = Vec::with_capacity(came.len());
        let mut noted = Vec::with_capacity(came.len());
        for Came { kind, value, read } in came {
            noted.push(match read {
                Ok(thing) => {
                    let (id, version) = (thing.id.clone(), thing.version());
                    things.push(self.without_what_was_heard(thing, &value));
                    (kind, value, id, version, None)
                }
                Err(unfit) => {
                    let id = unfit.id.unwrap_or_else(|| nameless(&value));
                    self.shared.tell_words(&unfit.words, &id);
                    (kind, value, id, unfit.version, Some(unfit.reason))
                }
            });
        }
        let judged = self.inbox.take(&self.name, things).await.map_err(|error| error.to_string())?;
        let mut judged = judged.into_iter();
        let mut all = Vec::with_capacity(noted.len());
        for (kind, value, id, version, unfit) in noted {
            let lost = || Taken::Refused("it was not judged".into());
            let taken = unfit.map_or_else(|| judged.next().unwrap_or_else(lost), Taken::Refused);
            let (on, reason) = match &taken {
                Taken::Waits(on, reason) => (Some(on.clone()), reason.clone()),
                Taken::Refused(reason) | Taken::Heard(reason) => (None, reason.clone()),
                Taken::Created | Taken::Updated | Taken::Unchanged => (None, String::new()),
            };
            self.shared.state().counts.count(&taken);
            let heard = matches!(taken, Taken::Heard(_));
            let kept = Kept { kind, id, version, value, on, reason, since: now, times: 1, heard };
            self.settle(kept, &taken).map_err(|error| format!("what waits can't be kept: {error}"))?;
            all.push(taken);
        }
        self.kept.sync().map_err(|error| format!("what waits can't be kept: {error}"))?;
        self.shared.show(&self.kept);
        Ok(all)
    }

    /// A thing without what it says beside its object, if that was heard when its object was refused: a hold that was
    /// released since must not come back when the thing is judged again.
    fn without_what_was_heard(&self, thing: Arrived, value: &Value) -> Arrived {
        let known = self.kept.things().get(&(thing.kind, thing.id.clone()));
        match known.filter(|known| known.heard && known.value == *value) {
            Some(_) => Arrived { cancelled: None, hold: None, hold_note: None, ..thing },
            None => thing,
        }
    }

    /// Keeps a thing, or forgets it; a newer one that is kept under its id stays.
    fn settle(&mut self, thing: Kept, taken: &Taken) -> std::io::Result<()> {
        let key: Key = (thing.kind, thing.id.clone());
        let known = self.kept.things().get(&key);
        let is_older = known
            .is_some_and(|known| matches!((thing.version, known.version), (Some(thing), Some(known)) if thing < known));
        // what a file says wrongly stands in its report; what waited and is refused now stands nowhere else
        let is_told = !self.keeps_refused && known.is_none_or(|known| known.value != thing.value);
        match taken {
            _ if is_older => Ok(()),
            Taken::Waits(..) => self.kept.keep(thing),
            Taken::Refused(_) | Taken::Heard(_) if is_told => Ok(()),
            Taken::Refused(_) | Taken::Heard(_) => self.kept.keep(thing),
            Taken::Created | Taken::Updated | Taken::Unchanged => self.kept.forget(&key),
        }
    }

    /// Takes what was waiting for something that is there now.
    pub(super) async fn take_ready(&mut self, read: impl Fn(&Kept) -> Result<Arrived, Unfit>) -> Result<(), String> {
        let mut by_reference: BTreeMap<&Reference, Vec<&Key>> = BTreeMap::new();
        for (key, kept) in self.kept.things() {
            if let Some(on) = &kept.on {
                by_reference.entry(on).or_default().push(key);
            }
        }
        let references: Vec<Reference> = by_reference.keys().map(|reference| (*reference).clone()).collect();
        let mut ready = Vec::new();
        for some in references.chunks(LOOKED_UP_MAX) {
            let there = self.inbox.there(some.to_vec()).await.map_err(|error| error.to_string())?;
            let found = some.iter().zip(there).filter(|(_, there)| *there);
            ready.extend(found.flat_map(|(reference, _)| by_reference[reference].iter().map(|key| (*key).clone())));
        }
        self.take_again(ready, read).await
    }

    /// Judges what was refused and refers to other things again, as these may have changed: changes give the same
    /// result in any order. Where they are many, some at a time, turn by turn.
    pub(super) async fn take_refused(&mut self, read: impl Fn(&Kept) -> Result<Arrived, Unfit>) -> Result<(), String> {
        let refers = |kind: Kind| matches!(kind, Kind::PickLists | Kind::Waybills | Kind::Manifests);
        let refused = self.kept.things().iter().filter(|((kind, _), kept)| kept.on.is_none() && refers(*kind));
        let refused: Vec<Key> = refused.map(|(key, _)| key.clone()).collect();
        let begin = self.again_after.as_ref().map_or(0, |last| refused.partition_point(|key| key <= last));
        let some: Vec<Key> = refused[begin..].iter().chain(&refused[..begin]).take(AGAIN_MAX).cloned().collect();
        self.again_after = some.last().cloned();
        self.take_again(some, read).await
    }

    /// Judges everything that is kept again.
    pub(super) async fn take_all(&mut self, read: impl Fn(&Kept) -> Result<Arrived, Unfit>) -> Result<(), String> {
        self.shared.state().words.clear();
        let keys = self.kept.things().keys().cloned().collect();
        self.take_again(keys, read).await
    }

    async fn take_again(
        &mut self,
        mut keys: Vec<Key>,
        read: impl Fn(&Kept) -> Result<Arrived, Unfit>,
    ) -> Result<(), String> {
        // kind by kind: what refers to something comes after it
        keys.sort();
        for some in keys.chunks(AGAIN_MAX) {
            let kept = some.iter().filter_map(|key| self.kept.things().get(key));
            let came = kept.map(|kept| Came { kind: kept.kind, value: kept.value.clone(), read: read(kept) }).collect();
            self.take(came).await?;
        }
        Ok(())
    }
}

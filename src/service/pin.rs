//! PINs: the slow hash behind them, and the way of one that was typed at a station.

use std::sync::{Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Params, Version};
use tokio::task::spawn_blocking;

use super::{Core, unreadable};
use crate::domain::decide::{PinAnswer, answer_pin, forget_late_pin, pin_question};
use crate::domain::ids::{OperatorId, StationId};
use crate::domain::verdict::{Code, Verdict, Why};
use crate::domain::work::PinHash;
use crate::ledger::Cause;
use crate::web::backend::{Caller, Unavailable};

/// Argon2id with OWASP's least memory and passes: some 20 ms on a small box.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const HASH_LEN: usize = 32;

/// How the hash was made; another recipe gets another word.
const RECIPE: &str = "argon2id-1:";

/// Hashes one PIN at a time, so that many that are typed at once don't take the box's memory.
#[derive(Default)]
pub(super) struct PinHasher(Mutex<()>);

impl PinHasher {
    /// The hash of an operator's PIN. The salt is the site's secret with the operator's id, so that saying the same PIN
    /// again changes nothing, and equal PINs of two people have different hashes.
    pub(super) fn hash(&self, salt: &[u8; 32], pin: &str) -> PinHash {
        let _one_at_a_time = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let params = Params::new(MEMORY_KIB, PASSES, 1, Some(HASH_LEN)).expect("the constants above are within limits");
        let mut hash = [0; HASH_LEN];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(pin.as_bytes(), salt, &mut hash)
            .expect("a salt of 32 bytes and a hash of 32 bytes are within limits");
        PinHash(format!("{RECIPE}{}", data_encoding::HEXLOWER.encode(&hash)))
    }
}

impl Core {
    pub(super) fn hash_of(&self, operator: &OperatorId, pin: &str) -> PinHash {
        self.parts.pins.hash(&self.parts.site.key.salt(operator.as_str()), pin)
    }

    /// A PIN that was typed: it is compared outside the writer, and what that says is recorded.
    pub(super) async fn answer(
        &self,
        caller: Caller,
        station: StationId,
        pin: String,
    ) -> Result<PinAnswer, Unavailable> {
        // each one that waits holds a thread
        let Ok(_turn) = self.parts.pin_turns.try_acquire() else {
            return Err(Unavailable("too many PINs are being checked; type it again".into()));
        };
        let at = self.parts.clock.now().at;
        let (core, place) = (self.clone(), station.clone());
        let asked = spawn_blocking(move || {
            let question = core.parts.reader.look(|transaction| pin_question(transaction.view(), &place, at))?;
            Ok(question.map(|question| {
                let is_right = core.hash_of(&question.operator, &pin) == question.hash;
                (question, is_right)
            }))
        });
        let asked = asked.await.map_err(|error| Unavailable(error.to_string()))?.map_err(unreadable)?;
        let at = self.parts.clock.now().at;
        let place = station.clone();
        let answer = self.parts.writer.submit(move |transaction| {
            let (answer, events) = match &asked {
                Some((question, is_right)) => answer_pin(transaction.view(), &place, question, *is_right, at),
                None => (PinAnswer::NotAsked, forget_late_pin(transaction.view(), &place, at)),
            };
            if !events.is_empty() {
                let cause = Cause::Upstream { call: caller.call.to_owned(), peer: Some(caller.peer) };
                transaction.append(at, cause, None, events);
            }
            answer
        });
        let answer = answer.await?;
        self.show_answer(&station, &answer);
        Ok(answer)
    }

    fn show_answer(&self, station: &StationId, answer: &PinAnswer) {
        let (code, why) = match answer {
            PinAnswer::SignedIn(_) => (Code::SignedIn, None),
            PinAnswer::Wrong(_) => (Code::NotAllowed, Some(Why::PinWrong)),
            PinAnswer::Locked => (Code::NotAllowed, Some(Why::PinLocked)),
            PinAnswer::MayOverride(_) => (Code::Info, Some(Why::OverrideReason)),
            PinAnswer::NotAsked => (Code::NotAllowed, Some(Why::PinLate)),
        };
        self.tell(station, Verdict { why, ..Verdict::new(super::fresh_scan_id(), code) });
        self.feed_moved();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_tells_pins_and_people_apart() {
        let hasher = PinHasher::default();
        let hash = hasher.hash(&[1; 32], "1234");
        assert_eq!(hash, hasher.hash(&[1; 32], "1234"));
        assert_ne!(hash, hasher.hash(&[1; 32], "1235"));
        assert_ne!(hash, hasher.hash(&[2; 32], "1234"));
        assert_eq!(hash.0.len(), RECIPE.len() + 2 * HASH_LEN);
    }
}

//! What the group as a whole says of itself: whether a partition is nobody's.

use std::collections::BTreeSet;

use rdkafka::{
    client::{Client, ClientContext},
    error::KafkaResult,
};

use super::settings::CALL;

/// Whether the group is at rest and some of `subscribed` (topic and number) belong to none of its members. A group in a round will settle that
/// itself. What cannot be read of an assignment counts as nobody's.
///
/// # Errors
/// When the coordinator does not answer.
pub fn has_orphans<C: ClientContext>(client: &Client<C>, group: &str, subscribed: &BTreeSet<(String, i32)>) -> KafkaResult<bool> {
    let list = client.fetch_group_list(Some(group), CALL)?;
    let Some(found) = list.groups().iter().find(|found| found.name() == group) else { return Ok(false) };
    if found.state() != "Stable" {
        return Ok(false);
    }
    let mut orphans = subscribed.clone();
    for member in found.members() {
        for given in assigned(member.assignment().unwrap_or_default()) {
            orphans.remove(&given);
        }
    }
    Ok(!orphans.is_empty())
}

/// Partitions of a `ConsumerProtocolAssignment`: version, then topics with their partitions. Ends at the first byte that makes no sense.
fn assigned(bytes: &[u8]) -> Vec<(String, i32)> {
    let mut all = Vec::new();
    let mut rest = Bytes(bytes);
    if rest.i16().is_none() {
        return all;
    }
    let topics = rest.i32().unwrap_or_default();
    for _ in 0..topics {
        let Some(name) = rest.text() else { return all };
        let Some(count) = rest.i32() else { return all };
        for _ in 0..count {
            let Some(partition) = rest.i32() else { return all };
            all.push((name.clone(), partition));
        }
    }
    all
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn i16(&mut self) -> Option<i16> {
        self.take().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.i16()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_as_far_as_it_makes_sense() {
        let mut bytes = vec![0, 1, 0, 0, 0, 2];
        for (name, partitions) in [("a.b", [3, 7]), ("c", [0, 1])] {
            bytes.extend_from_slice(&i16::try_from(name.len()).expect("corto").to_be_bytes());
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(&2_i32.to_be_bytes());
            partitions.iter().for_each(|p: &i32| bytes.extend_from_slice(&p.to_be_bytes()));
        }
        let whole = [("a.b".to_owned(), 3), ("a.b".to_owned(), 7), ("c".to_owned(), 0), ("c".to_owned(), 1)];
        assert_eq!(assigned(&bytes), whole);
        for cut in 0..bytes.len() {
            let part = assigned(&bytes[..cut]);
            assert!(whole.starts_with(&part), "{cut}: {part:?}");
        }
        assert_eq!(assigned(&[0, 0, 0x7f, 0xff, 0xff, 0xff]), []);
        assert_eq!(assigned(&[0, 0, 0, 0, 0, 1, 0xff, 0xff]), []);
    }
}

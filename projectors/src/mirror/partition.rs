//! Which partition a key belongs to, as Java clients choose it.

use uuid::Uuid;

/// The partition, of `count`, that records with this aggregate's id as their key go to: Kafka's default partitioner
/// (KIP-480, keyed case), murmur2 over the key's bytes with the sign bit cleared.
///
/// # Panics
/// When there is no partition.
#[must_use]
pub fn partition_of(key: Uuid, count: i32) -> i32 {
    assert!(count > 0, "a topic has at least one partition");
    let mut text = Uuid::encode_buffer();
    let hash = murmur2(key.hyphenated().encode_lower(&mut text).as_bytes());
    let positive = (hash & 0x7fff_ffff).cast_signed();
    positive % count
}

/// `MurmurHash2`, 32 bit, with the seed of `org.apache.kafka.common.utils.Utils.murmur2`.
fn murmur2(bytes: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the length enters the hash modulo 2^32, in Java too"
    )]
    let mut hash = SEED ^ bytes.len() as u32;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        let word = <[u8; 4]>::try_from(word).expect("chunks of four");
        let mut k = u32::from_le_bytes(word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (shift, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * shift);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_kafkas_own_tests() {
        // The pairs in org.apache.kafka.common.utils.UtilsTest.testMurmur2.
        let known: [(&str, i32); 5] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
        ];
        for (text, hash) in known {
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), hash, "{text}");
        }
    }

    #[test]
    fn every_key_has_a_partition_and_keeps_it() {
        for number in 0..1_000_u128 {
            let key = Uuid::from_u128(number);
            let partition = partition_of(key, 7);
            assert!((0..7).contains(&partition));
            assert_eq!(partition, partition_of(key, 7));
        }
    }
}

//! Phrases of a sentence, with words left out between their words.

/// The words of a sentence, as TensorFlow Lite's SKIP_GRAM takes them: between white space, but with white space at the
/// very beginning the first word is lost, unless it is the only one and keeps it.
pub fn words(sentence: &[u8]) -> Vec<&[u8]> {
    // C's `isspace`.
    let space = |byte: u8| byte.is_ascii_whitespace() || byte == 0x0b;
    let (mut words, mut start) = (Vec::new(), 0);
    for at in 1..sentence.len() {
        if space(sentence[at]) {
            if at > start && !space(sentence[start]) {
                words.push(&sentence[start..at]);
            }
            start = at + 1;
        }
    }
    if start < sentence.len() {
        words.push(&sentence[start..]);
    }
    words
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phrases {
    /// Words of a phrase, at least 1.
    pub longest: usize,
    /// Words that may be left out between two words of a phrase.
    pub skipped: usize,
    /// Whether shorter phrases count too.
    pub shorter: bool,
}

impl Phrases {
    /// Phrases that are made of one sentence, and bytes of all of them; of a few words there are more than anybody
    /// wants.
    pub const MOST: usize = 1 << 20;
    const MOST_BYTES: usize = 1 << 28;

    /// Every phrase, its words joined by spaces: those that begin with a phrase come before it. None where the sentence
    /// has not enough words for the longest; `None` where there are more than [`Phrases::MOST`].
    pub fn of(&self, words: &[&[u8]]) -> Option<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        if words.len() < self.longest {
            return Some(found);
        }
        // Numbers of the words of the phrase, and the one that is tried next at each place.
        let mut chosen: Vec<usize> = Vec::new();
        let mut next = vec![0];
        let (mut steps, mut bytes) = (0, 0);
        while let Some(&at) = next.last() {
            let near = chosen
                .last()
                .is_none_or(|&last| at - last <= self.skipped + 1);
            if chosen.len() < self.longest && at < words.len() && near {
                steps += 1;
                if steps > Self::MOST {
                    return None;
                }
                if let Some(next) = next.last_mut() {
                    *next += 1;
                }
                chosen.push(at);
                next.push(at + 1);
                continue;
            }
            let wanted = chosen.len() == self.longest || self.shorter;
            if wanted && !chosen.is_empty() {
                let phrase: Vec<&[u8]> = chosen.iter().map(|&word| words[word]).collect();
                let phrase = phrase.join(&b' ');
                bytes += phrase.len();
                if bytes > Self::MOST_BYTES {
                    return None;
                }
                found.push(phrase);
            }
            chosen.pop();
            next.pop();
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(phrases: &Phrases, sentence: &str) -> Vec<String> {
        let found = phrases.of(&words(sentence.as_bytes())).unwrap();
        let text = |phrase| String::from_utf8(phrase).unwrap();
        found.into_iter().map(text).collect()
    }

    #[test]
    fn words_may_be_left_out_between() {
        let mut phrases = Phrases {
            longest: 2,
            skipped: 1,
            shorter: false,
        };
        assert_eq!(
            told(&phrases, "a bc  d e"),
            ["a bc", "a d", "bc d", "bc e", "d e"]
        );
        phrases.shorter = true;
        assert_eq!(told(&phrases, "a b"), ["a b", "a", "b"]);
        assert_eq!(told(&phrases, "alone"), [""; 0]);
    }

    #[test]
    fn too_many_are_none() {
        let phrases = Phrases {
            longest: 20,
            skipped: 20,
            shorter: true,
        };
        let many = vec![&b"w"[..]; 60];
        assert!(phrases.of(&many).is_none());
    }
}

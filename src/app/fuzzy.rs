//! How well a name matches what somebody typed of it.

/// How well `text` matches `query`, the larger the better; `None` where the letters of the query do not stand in it in that order.
/// Case and blanks do not matter. Letters that begin words and letters that follow each other count more, skipped ones less.
#[must_use]
pub fn score(query: &str, text: &str) -> Option<i32> {
    const BEGINS: i32 = 8;
    const FOLLOWS: i32 = 5;
    const MATCHES: i32 = 2;
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let wanted: Vec<char> = query.to_lowercase().chars().filter(|letter| !letter.is_whitespace()).collect();
    let begins = |at: usize| at == 0 || !text[at - 1].is_alphanumeric();
    // The best score of the letters so far, by where the last of them stands.
    let mut best: Vec<Option<i32>> = vec![None; text.len()];
    for (number, &letter) in wanted.iter().enumerate() {
        let mut next = vec![None; text.len()];
        let mut before: Option<i32> = None;
        for at in 0..text.len() {
            if text[at] == letter {
                let gain = MATCHES + if begins(at) { BEGINS } else { 0 };
                let follows = at.checked_sub(1).and_then(|last| best[last]).map(|score| score + FOLLOWS);
                let so_far = if number == 0 { Some(-(at as i32)) } else { follows.max(before) };
                next[at] = so_far.map(|score| score + gain);
            }
            // A letter skipped costs one.
            before = before.max(best[at]).map(|score| score - 1);
        }
        best = next;
    }
    if wanted.is_empty() { Some(0) } else { best.into_iter().flatten().max() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_must_come_in_order() {
        assert!(score("smpl", "sample now").is_some() && score("SN", "sample now").is_some() && score("", "x") == Some(0));
        assert_eq!(score("lp", "sample p".split(' ').next().unwrap()), None);
        assert_eq!(score("x", ""), None);
    }

    #[test]
    fn beginnings_and_neighbours_count_more() {
        let best = |query: &str, names: &[&'static str]| names.iter().copied().max_by_key(|name| score(query, name)).unwrap();
        assert_eq!(best("fo", &["info of", "fold all", "profile on"]), "fold all");
        assert_eq!(best("nc", &["one candle", "next candidate", "function"]), "next candidate");
        assert_eq!(best("pin", &["previous line", "a spin", "pin"]), "pin");
    }
}

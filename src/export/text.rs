//! Numbers as people read them.

/// A share in per cent: `97.1 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A share as a plain number: `0.977`.
#[must_use]
pub fn share(share: f64) -> String {
    format!("{share:.3}")
}

/// A difference of shares in points, with its sign: `+14.2`.
#[must_use]
pub fn points(difference: f64) -> String {
    format!("{:+.1}", 100.0 * difference)
}

/// Three digits at a time: `26,192,922`.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things whose word takes an s: `1 epoch`, `1,200 epochs`.
#[must_use]
pub fn counted(count: u64, one: &str) -> String {
    format!("{} {one}{}", thousands(count), if count == 1 { "" } else { "s" })
}

/// The p of a test: `p = 0.012`, and `p < 0.001` where three digits would say that it is none.
#[must_use]
pub fn p_value(p: f64) -> String {
    if p < 0.0005 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

/// A text in lines of so many columns at most, broken between words; a longer word has a line of its own.
#[must_use]
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// How often: `once`, `3 times`.
#[must_use]
pub fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// A length of time: `8 s`, `1 min 05 s`, `2 h 03 min`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    // The cast saturates; what is not finite or negative becomes 0 or very long, never a panic.
    let seconds = seconds.round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

/// A size in MiB: `213 MiB`.
#[must_use]
pub fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", thousands(bytes.div_ceil(1 << 20)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_as_people_tell_them() {
        assert_eq!([thousands(7), thousands(1_000), thousands(26_192_922)], ["7", "1,000", "26,192,922"]);
        assert_eq!([duration(7.6), duration(65.0), duration(7_384.0)], ["8 s", "1 min 05 s", "2 h 03 min"]);
        assert_eq!([duration(f64::NAN), duration(-1.0)], ["0 s", "0 s"]);
        assert_eq!(share(0.9771), "0.977");
        assert_eq!([percent(0.9714), points(-0.0025), points(0.142)], ["97.1 %", "-0.2", "+14.2"]);
        assert_eq!([counted(1, "epoch"), counted(0, "epoch"), counted(1200, "epoch")], ["1 epoch", "0 epochs", "1,200 epochs"]);
        assert_eq!([p_value(1.0), p_value(0.0005), p_value(0.000_499), p_value(0.0)], ["p = 1.000", "p = 0.001", "p < 0.001", "p < 0.001"]);
        assert_eq!(wrapped("one two  three fourteen", 8), ["one two", "three", "fourteen"]);
        assert_eq!([mebibytes(0), mebibytes(1), mebibytes(213 << 20)], ["0 MiB", "1 MiB", "213 MiB"]);
    }
}

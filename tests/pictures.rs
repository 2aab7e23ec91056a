//! Pictures of every screen, from the real program on recorded runs: `docs/screens/*.svg`. `UPDATE_EXPECTED=1 cargo test --release --test
//! pictures` makes them anew; without it the test holds them against what the program shows, so that the documents cannot fall behind.

#[expect(dead_code, reason = "others use the rest of it")]
mod pty;

use pty::Terminal;
use std::fmt::Write as _;
use std::path::Path;

/// Width and height of a cell.
const CELL: (f64, f64) = (8.0, 17.0);
/// The ground and the text of a terminal that gives no colours of its own.
const GROUND: &str = "#101418";
const TEXT: &str = "#cfd6df";

/// A picture: its name, its keys, and what shows once the last of them has been answered, where there is such a word.
type Picture = (&'static str, &'static str, Option<&'static str>);

/// Of a replay of the recorded search, which stands still at its twentieth epoch or at its end.
const REPLAYED: &[Picture] = &[
    ("search", "1", None),
    ("posterior", "2jjjjjj", None),
    ("curves", "5v,,,,,", None),
    ("samples", "3gp]]", None),
    // Read beside the screen: the frame of before says that it is being read.
    ("compare", "4", Some("superiority")),
    ("help", "1?", Some("enter does the chosen line")),
    ("palette", "?:cand", Some(": cand")),
];

#[test]
fn the_pictures_of_the_documents_are_what_the_program_shows() {
    let root = tempfile::tempdir().unwrap();
    let runs = root.path().join(".local/share/pgnas/runs");
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/digits");
    copy(&recorded, &runs.join("digits"));
    let mut pictures = Vec::new();

    let mut terminal = Terminal::start(root.path(), (120, 36), ["replay", "digits", "--speed", "0.02"]);
    terminal.wait("the replay", |text| text.contains("replay playing"));
    terminal.press(" ");
    terminal.wait("that it stands still", |text| text.contains("standing still"));
    terminal.press("te20\r");
    terminal.wait("the twentieth epoch", |text| text.contains("epoch 20 of") && text.contains("standing still"));
    pictures.push(("training", picture(&mut terminal)));
    terminal.press("t100%\r");
    terminal.wait("the end", |text| text.contains("at its end") && text.contains("completed"));
    for &(name, keys, word) in REPLAYED {
        terminal.press(keys);
        if let Some(word) = word {
            terminal.wait(name, |text| text.contains(word));
        } else {
            // A key that is refused, and one without a meaning that takes the refusal away: all before them has been answered.
            const REFUSAL: &str = "a replay has nothing to fall behind";
            terminal.press("f");
            terminal.wait("the refusal", |text| text.contains(REFUSAL));
            terminal.press("H");
            terminal.wait(name, |text| !text.contains(REFUSAL));
        }
        pictures.push((name, picture(&mut terminal)));
    }
    terminal.press("\x03\x03");
    terminal.ended();

    let mut terminal = Terminal::start::<&str>(root.path(), (120, 36), []);
    terminal.wait("the start screen", |text| text.contains("fashion") && text.contains("completed"));
    let mut living = vec![("runs", picture(&mut terminal))];
    terminal.press("e");
    terminal.wait("the keys of the preset", |text| text.contains("Preset digits"));
    pictures.push(("form", picture(&mut terminal)));
    terminal.press("\x03\x03");
    terminal.ended();

    let mut terminal = Terminal::start(root.path(), (80, 24), ["replay", "digits", "--speed", "0.02", "--theme", "light"]);
    terminal.wait("the replay", |text| text.contains("replay playing"));
    terminal.press(" t100%\r");
    terminal.wait("the end", |text| text.contains("at its end") && text.contains("completed"));
    pictures.push(("small", picture(&mut terminal).replace(GROUND, "#fdfdfb").replace(TEXT, "#2b333d")));
    terminal.press("\x03\x03");
    terminal.ended();

    living.extend(at_work(root.path(), &runs));

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screens");
    let of_now: Vec<&str> = living.iter().map(|(name, _)| *name).collect();
    for (name, picture) in pictures.into_iter().chain(living) {
        let file = folder.join(format!("{name}.svg"));
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, &picture).unwrap();
        }
        let drawn = std::fs::read_to_string(&file).unwrap_or_default();
        if of_now.contains(&name) {
            assert_eq!(words(&drawn), words(&picture), "{name}: UPDATE_EXPECTED=1 makes it anew; look at it");
        } else {
            assert!(drawn == picture, "{name}: UPDATE_EXPECTED=1 makes it anew; look at it");
        }
    }
}

/// Of what is never twice the same, for it tells of times: a search at work and paused, its line to the terminal, and two runs side by
/// side. Made anew with the others. Their words are compared line by line; numbers, bars, curves and colours are for a person to see.
fn at_work(home: &Path, runs: &Path) -> Vec<(&'static str, String)> {
    let mut pictures = Vec::new();
    let run = runs.join("live");
    let mut arguments = ["search", "digits", "--in-process", "--seed", "2", "--run-dir"].map(str::to_owned).to_vec();
    arguments.push(run.display().to_string());
    let mut terminal = Terminal::start(home, (120, 36), arguments);
    terminal.wait("training", |text| text.contains("img/s") && text.contains("epoch 5 of"));
    pictures.push(("live", picture(&mut terminal)));
    terminal.press("i");
    terminal.wait("the debug page", |text| text.contains("Line to the terminal"));
    pictures.push(("line", picture(&mut terminal)));
    terminal.press("i ");
    terminal.wait("that it is paused", |text| text.contains("paused") && !text.contains("Line to the terminal"));
    pictures.push(("paused", picture(&mut terminal)));
    terminal.press("\x03\x03");
    terminal.ended();

    let mut terminal = Terminal::start::<&str>(home, (120, 36), []);
    terminal.wait("the start screen", |text| text.contains("fashion") && text.contains("stopped"));
    terminal.press("Gc");
    terminal.wait("the first", |text| text.contains("* digits"));
    terminal.press("kc");
    terminal.wait("side by side", |text| text.contains("posterior mean"));
    pictures.push(("beside", picture(&mut terminal)));
    terminal.press("\x03\x03");
    terminal.ended();
    pictures
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &place);
        } else {
            std::fs::copy(entry.path(), place).unwrap();
        }
    }
}

/// The words of each line of a picture: what is left of it once numbers, units, times and the verdict on the posterior are taken away.
fn words(picture: &str) -> Vec<String> {
    const VARIES: [&str; 7] = ["min", "moving", "still", "dropping", "operations", "stage", "block"];
    let number = |text: &str, name: &str| -> f64 {
        let after = text.split(&format!(" {name}=\"")).nth(1).and_then(|after| after.split('"').next());
        after.and_then(|value| value.parse().ok()).unwrap_or_default()
    };
    let mut lines: std::collections::BTreeMap<u64, Vec<(f64, &str)>> = std::collections::BTreeMap::new();
    for text in picture.split("<text").skip(1) {
        let (attributes, rest) = text.split_once('>').unwrap_or_default();
        let words = rest.split('<').next().unwrap_or_default();
        lines.entry(number(attributes, "y") as u64).or_default().push((number(attributes, "x"), words));
    }
    let line = |mut pieces: Vec<(f64, &str)>| {
        pieces.sort_by(|a, b| a.0.total_cmp(&b.0));
        let all = pieces.into_iter().flat_map(|(_, piece)| piece.split(|character: char| !character.is_ascii_alphabetic()));
        all.filter(|word| word.len() > 2 && !VARIES.contains(word)).collect::<Vec<_>>().join(" ")
    };
    lines.into_values().map(line).filter(|line| !line.is_empty()).collect()
}

#[test]
fn what_varies_in_a_picture_is_masked_and_its_words_are_not() {
    let head = |left: &str, rate: &str| {
        format!(
            "<text x=\"40\" y=\"30\" fill=\"#1\">epoch 5 of 12</text>\n<text x=\"9\" y=\"30\">pgnas</text><text x=\"8\" y=\"47\">{left} left {rate}</text>"
        )
    };
    assert_eq!(words(&head("12 s", "2.9k img/s")), ["pgnas epoch", "left img"]);
    assert_eq!(words(&head("12 s", "2.9k img/s")), words(&head("1 min 2 s", "970 img/s")));
    assert_ne!(words(&head("12 s", "2.9k img/s")), words(&head("12 s", "2.9k images/s")));
    let live = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screens/live.svg")).unwrap();
    assert!(words(&live).len() > 20, "{:?}", words(&live));
}

/// The screen, once the frame under way is whole.
fn picture(terminal: &mut Terminal) -> String {
    terminal.finish_frame();
    svg(terminal.screen.screen())
}

/// Cells as a picture that stands alone. What is a drawing is drawn, so that it joins whatever the font; the rest is text.
fn svg(screen: &vt100::Screen) -> String {
    let (rows, columns) = screen.size();
    let (wide, high) = (f64::from(columns) * CELL.0, f64::from(rows) * CELL.1);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide} {high}\" width=\"{wide}\" height=\"{high}\" font-family=\"DejaVu Sans \
         Mono, Menlo, Consolas, monospace\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"{GROUND}\"/>\n"
    );
    for y in 0..rows {
        let mut x = 0;
        while x < columns {
            let cell = screen.cell(y, x).unwrap();
            let look = look(cell);
            let end = (x..columns).find(|&next| self::look(screen.cell(y, next).unwrap()) != look).unwrap_or(columns);
            let text: Vec<String> = (x..end).map(|at| screen.cell(y, at).unwrap().contents().to_owned()).collect();
            run(&mut out, f64::from(x) * CELL.0, f64::from(y) * CELL.1, &text, &look);
            x = end;
        }
    }
    out.push_str("</svg>\n");
    out
}

#[derive(PartialEq)]
struct Look {
    text: String,
    ground: Option<String>,
    bold: bool,
    underline: bool,
}

fn look(cell: &vt100::Cell) -> Look {
    let colour = |colour: vt100::Color| match colour {
        vt100::Color::Rgb(red, green, blue) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
        _ => None,
    };
    let (text, ground) = (colour(cell.fgcolor()).unwrap_or_else(|| TEXT.into()), colour(cell.bgcolor()));
    let (text, ground) = if cell.inverse() { (ground.unwrap_or_else(|| GROUND.into()), Some(text)) } else { (text, ground) };
    Look { text, ground, bold: cell.bold(), underline: cell.underline() }
}

/// Cells of one look, side by side.
fn run(out: &mut String, x: f64, y: f64, cells: &[String], look: &Look) {
    let Look { text: colour, ground, bold, underline } = look;
    if let Some(ground) = ground {
        let _ =
            writeln!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" fill=\"{ground}\"/>", cells.len() as f64 * CELL.0, CELL.1);
    }
    let (mut shapes, mut words) = (String::new(), String::new());
    let mut begin = None;
    for (at, cell) in cells.iter().map(String::as_str).chain([""]).enumerate() {
        let left = x + at as f64 * CELL.0;
        let drawn = cell.chars().next().is_some_and(|sign| draw(&mut shapes, left, y, sign));
        if drawn || cell.is_empty() || cell == " " {
            // A word has a place of its own: fonts differ in their widths.
            if let Some(from) = begin.take() {
                let (bold, line) =
                    (if *bold { " font-weight=\"bold\"" } else { "" }, if *underline { " text-decoration=\"underline\"" } else { "" });
                let length = left - from;
                let _ = writeln!(
                    out,
                    "<text x=\"{from}\" y=\"{}\" textLength=\"{length}\" fill=\"{colour}\"{bold}{line}>{words}</text>",
                    y + 13.0
                );
                words.clear();
            }
        } else {
            begin.get_or_insert(left);
            words.push_str(&cell.replace('&', "&amp;").replace('<', "&lt;"));
        }
    }
    if !shapes.is_empty() {
        let _ = writeln!(out, "<path d=\"{shapes}\" fill=\"{colour}\"/>");
    }
}

/// Adds the shape of a sign that is a drawing; tells whether it is one.
fn draw(shapes: &mut String, x: f64, y: f64, sign: char) -> bool {
    let (wide, high) = CELL;
    let mut part = |left: f64, top: f64, width: f64, height: f64| {
        let _ = write!(shapes, "M{} {}h{width}v{height}h{}z", x + left, y + top, -width);
    };
    let (middle, centre) = (high / 2.0 - 0.5, wide / 2.0 - 0.5);
    let code = u32::from(sign);
    match sign {
        '\u{2800}'..='\u{28ff}' => {
            const PLACES: [(f64, f64); 8] =
                [(0.0, 0.0), (0.0, 1.0), (0.0, 2.0), (1.0, 0.0), (1.0, 1.0), (1.0, 2.0), (0.0, 3.0), (1.0, 3.0)];
            for (bit, (across, down)) in PLACES.into_iter().enumerate().filter(|(bit, _)| code >> bit & 1 == 1) {
                let _ = bit;
                part(across * wide / 2.0 + 1.0, down * high / 4.0 + 1.0, 2.0, 2.25);
            }
        }
        // Eighths from below, eighths from the left.
        '▁'..='█' => {
            let height = f64::from(code - 0x2580) * high / 8.0;
            part(0.0, high - height, wide, height);
        }
        '▉'..='▏' => part(0.0, 0.0, f64::from(0x2590 - code) * wide / 8.0, high),
        '▀' => part(0.0, 0.0, wide, high / 2.0),
        '▔' => part(0.0, 0.0, wide, high / 8.0),
        '░' | '▒' | '▓' => {
            let size = f64::from(code - 0x2590) * 0.75;
            for (across, down) in (0..2).flat_map(|across| (0..4).map(move |down| (across, down))) {
                part(f64::from(across) * wide / 2.0 + 0.5, f64::from(down) * high / 4.0 + 0.5, size + 0.5, size + 0.75);
            }
        }
        '─' | '━' | '╌' | '│' | '╭' | '╮' | '╰' | '╯' | '┬' | '┐' | '┘' | '┤' | '├' | '└' => {
            let (right, down, left, up) = match sign {
                '─' | '━' => (true, false, true, false),
                '│' => (false, true, false, true),
                '╭' => (true, true, false, false),
                '╮' | '┐' => (false, true, true, false),
                '╰' | '└' => (true, false, false, true),
                '╯' | '┘' => (false, false, true, true),
                '┬' => (true, true, true, false),
                '┤' => (false, true, true, true),
                '├' => (true, true, false, true),
                _ => (false, false, false, false),
            };
            let thick = if sign == '━' { 2.0 } else { 1.0 };
            if sign == '╌' {
                part(0.5, middle, 2.5, 1.0);
                part(4.5, middle, 2.5, 1.0);
            }
            for (there, shape) in [
                (right, (centre, middle, wide - centre, thick)),
                (left, (0.0, middle, centre + 1.0, thick)),
                (down, (centre, middle, 1.0, high - middle)),
                (up, (centre, 0.0, 1.0, middle + 1.0)),
            ] {
                if there {
                    part(shape.0, shape.1, shape.2, shape.3);
                }
            }
        }
        _ => return false,
    }
    true
}

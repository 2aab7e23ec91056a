//! What the screen turns to next: what a person does before all else, then the frame that is due, then what the search tells.

use super::errands::News;
use super::input::Input;
use crate::link::{Link, Update};
use std::time::Instant;
use tokio::sync::mpsc::UnboundedReceiver;

/// What there is to do.
#[derive(Debug)]
pub(super) enum Turn {
    /// Something was done by a person; `None` where the terminal and its threads are gone.
    Input(Option<Input>),
    /// A frame is due.
    Frame,
    /// The list of runs is to be read anew.
    List,
    /// An errand tells of itself.
    Errand(News),
    /// The search of the run beside tells something.
    Beside(Update),
    /// The search tells something.
    Told(Update),
}

/// Waits for the next thing to do; of several that are there, the first in this order.
pub(super) async fn next(
    inputs: &mut UnboundedReceiver<Input>,
    (due, list): (Option<Instant>, Option<Instant>),
    errands: &mut UnboundedReceiver<News>,
    beside: &mut Option<Link>,
    link: &mut Option<Link>,
) -> Turn {
    tokio::select! {
        biased;
        input = inputs.recv() => Turn::Input(input),
        () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => Turn::Frame,
        () = tokio::time::sleep_until(list.unwrap_or_else(Instant::now).into()), if list.is_some() => Turn::List,
        Some(told) = errands.recv() => Turn::Errand(told),
        update = told(beside) => Turn::Beside(update),
        update = told(link) => Turn::Told(update),
    }
}

/// The next update of a live run; never, where there is none.
async fn told(link: &mut Option<Link>) -> Update {
    match link {
        Some(link) => link.next().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::channel;
    use crate::run::Snapshot;
    use std::time::Duration;
    use tokio::sync::mpsc::unbounded_channel;

    #[test]
    fn keys_come_before_frames_and_frames_before_what_is_told() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (keys, mut inputs) = unbounded_channel();
            let (tell, mut errands) = unbounded_channel();
            let ((publisher, link), (other, beside)) = (channel(), channel());
            let (mut link, mut beside) = (Some(link), Some(beside));
            // A search that never stops telling, as often as chance would need to bring it first.
            for _ in 0..64 {
                keys.send(Input::Resize).unwrap();
                tell.send(News::Read("run".into(), Err(String::new()))).unwrap();
            }
            publisher.snapshot(Snapshot::default());
            other.snapshot(Snapshot::default());
            // Timers count in milliseconds.
            let past = Instant::now().checked_sub(Duration::from_millis(10));
            let mut turns = Vec::new();
            let due = [(past, past); 65].into_iter().chain([(None, past)]).chain([(None, None); 66]);
            for due in due {
                turns.push(match next(&mut inputs, due, &mut errands, &mut beside, &mut link).await {
                    Turn::Input(Some(Input::Resize)) => "input",
                    Turn::Frame => "frame",
                    Turn::List => "list",
                    Turn::Errand(_) => "errand",
                    Turn::Beside(Update::Snapshot(_)) => "beside",
                    Turn::Told(Update::Snapshot(_)) => "told",
                    other => panic!("{other:?}"),
                });
            }
            let expected = [["input"; 64].as_slice(), &["frame"], &["list"], &["errand"; 64], &["beside", "told"]].concat();
            assert_eq!(turns, expected);

            // Where nothing is there, what comes; a terminal that is gone at last.
            let soon = Some(Instant::now() + Duration::from_millis(1));
            assert!(matches!(next(&mut inputs, (soon, None), &mut errands, &mut None, &mut None).await, Turn::Frame));
            drop(keys);
            assert!(matches!(next(&mut inputs, (None, None), &mut errands, &mut None, &mut None).await, Turn::Input(None)));
        });
    }
}

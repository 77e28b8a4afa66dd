//! The same work for many items on a few threads, as many as there are CPUs.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// How many threads work at once: one a CPU that this process may use.
pub fn width() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Does `work` for every item, one thread for each of `workers`, and stops handing out items after the first error.
/// Every worker is a value of its own (a connection, say) that its thread uses for item after item.
///
/// # Errors
/// The first error that any of the threads met.
pub fn each_by<T: Sync, W: Send, E: Send>(
    items: &[T],
    workers: Vec<W>,
    work: impl Fn(&mut W, &T) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let next = Mutex::new(items.iter());
    let failure = Mutex::new(None);
    let stop = AtomicBool::new(false);
    let take = || next.lock().ok()?.next();
    thread::scope(|scope| {
        for mut worker in workers {
            scope.spawn({
                let (work, failure, stop, take) = (&work, &failure, &stop, &take);
                move || {
                    while let Some(item) = (!stop.load(Ordering::Relaxed)).then(take).flatten() {
                        if let Err(error) = work(&mut worker, item) {
                            stop.store(true, Ordering::Relaxed);
                            if let Ok(mut failure) = failure.lock() {
                                failure.get_or_insert(error);
                            }
                        }
                    }
                }
            });
        }
    });
    match failure.into_inner() {
        Ok(Some(error)) => Err(error),
        Ok(None) | Err(_) => Ok(()),
    }
}

/// The same on as many threads as there are CPUs, which have nothing of their own.
///
/// # Errors
/// As [`each_by`].
pub fn each<T: Sync, E: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<(), E> + Sync,
) -> Result<(), E> {
    each_by(items, vec![(); width()], |(), item| work(item))
}

/// Computes a value for every item, on as many threads as there are CPUs; the values are in the order of the items.
pub fn map<T: Sync, U: Send>(items: &[T], compute: impl Fn(&T) -> U + Sync) -> Vec<U> {
    let size = items.len().div_ceil(width()).max(1);
    thread::scope(|scope| {
        let threads: Vec<_> = items
            .chunks(size)
            .map(|chunk| {
                let compute = &compute;
                scope.spawn(move || chunk.iter().map(compute).collect::<Vec<_>>())
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_done_once() {
        let items: Vec<usize> = (0..1000).collect();
        let done = Mutex::new(Vec::new());
        each_by(&items, vec![(); 3], |(), item| {
            done.lock().unwrap().push(*item);
            Ok::<_, ()>(())
        })
        .unwrap();
        let mut done = done.into_inner().unwrap();
        done.sort_unstable();
        assert_eq!(done, items);
    }

    #[test]
    fn the_first_error_stops_the_rest() {
        let items: Vec<usize> = (0..1000).collect();
        let done = Mutex::new(0);
        let result = each_by(&items, vec![()], |(), item| {
            *done.lock().unwrap() += 1;
            if *item == 10 { Err(*item) } else { Ok(()) }
        });
        assert_eq!(result, Err(10));
        assert_eq!(done.into_inner().unwrap(), 11);
    }

    #[test]
    fn values_keep_the_order_of_the_items() {
        let items: Vec<usize> = (0..101).collect();
        assert_eq!(
            map(&items, |item| item * 2),
            items.iter().map(|item| item * 2).collect::<Vec<_>>()
        );
        assert!(map(&[] as &[usize], |item| *item).is_empty());
    }
}

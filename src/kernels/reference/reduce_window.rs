//! Values in windows that slide along every axis, folded into one each.

use crate::kernels::strides::MAX_RANK;

/// Along one axis: so many values `dilation` apart in a window, windows `stride` apart. All at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub size: usize,
    pub stride: usize,
    pub dilation: usize,
}

impl Window {
    /// How many windows fit into `size` values.
    pub fn count(&self, size: usize) -> usize {
        let reach = (self.size - 1)
            .saturating_mul(self.dilation)
            .saturating_add(1);
        size.checked_sub(reach)
            .map_or(0, |rest| rest / self.stride + 1)
    }
}

/// `out[o] = fold(… fold(init, first value of window o) …)`, values in row-major order. `out` has as many windows as
/// [`Window::count`] says along each axis of `shape`; at most [`MAX_RANK`] axes.
pub fn reduce_window<T: Copy>(
    (x, shape): (&[T], &[usize]),
    windows: &[Window],
    init: T,
    fold: impl Fn(T, T) -> T,
    out: &mut [T],
) {
    assert!(shape.len() == windows.len() && shape.len() <= MAX_RANK);
    for (number, out) in out.iter_mut().enumerate() {
        // Where the window begins, and how far its values lie apart.
        let (mut rest, mut step, mut corner) = (number, 1, 0);
        let mut steps = [0; MAX_RANK];
        for (axis, (&size, window)) in shape.iter().zip(windows).enumerate().rev() {
            let count = window.count(size);
            corner += rest % count * window.stride * step;
            rest /= count;
            steps[axis] = window.dilation * step;
            step *= size;
        }
        let values: usize = windows.iter().map(|window| window.size).product();
        *out = (0..values).fold(init, |sum, value| {
            let (mut rest, mut at) = (value, corner);
            for (window, step) in windows.iter().zip(steps).rev() {
                at += rest % window.size * step;
                rest /= window.size;
            }
            fold(sum, x[at])
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_slide_and_spread() {
        let x: Vec<i32> = (0..12).collect();
        let window = |size, stride, dilation| Window {
            size,
            stride,
            dilation,
        };
        let windows = [window(2, 1, 2), window(2, 2, 1)];
        assert_eq!((windows[0].count(3), windows[1].count(4)), (1, 2));
        let mut out = [0; 2];
        reduce_window((&x, &[3, 4]), &windows, 100, |a, b| a + b, &mut out);
        assert_eq!(out, [100 + 1 + 8 + 9, 100 + 2 + 3 + 10 + 11]);
        assert_eq!(window(5, 1, 1).count(4), 0);
    }
}

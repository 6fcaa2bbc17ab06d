use mexplore::format::npy::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let x = read_npz(a[1].as_ref()).unwrap();
    for (k, t) in &x {
        println!("{k} {:?}", t);
    }
    write_npz(a[2].as_ref(), &x).unwrap();
}

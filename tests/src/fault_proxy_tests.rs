use super::*;

/// Our choice: what shall not happen is waited for this long.
const A_WHILE: Duration = Duration::from_millis(150);

/// A server that sends back what it gets, and the proxy before it.
async fn echo() -> FaultProxy {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    FaultProxy::start(address).await
}

async fn connected(proxy: &FaultProxy) -> TcpStream {
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    // Only then is it surely through to the server.
    assert_eq!(said_back(&mut stream, b"hello").await, b"hello");
    stream
}

async fn said_back(stream: &mut TcpStream, words: &[u8]) -> Vec<u8> {
    stream.write_all(words).await.unwrap();
    heard(stream, words.len()).await
}

async fn heard(stream: &mut TcpStream, bytes: usize) -> Vec<u8> {
    let mut heard = vec![0; bytes];
    timeout(PATIENCE, stream.read_exact(&mut heard)).await.expect("in time").unwrap();
    heard
}

async fn is_quiet(stream: &mut TcpStream) {
    let heard = timeout(A_WHILE, stream.read_u8()).await;
    assert!(heard.is_err(), "{heard:?}");
}

async fn ended(stream: &mut TcpStream) -> Result<usize, io::ErrorKind> {
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("in time").map_err(|error| error.kind())
}

#[tokio::test]
async fn it_passes_everything_on_and_counts_it() {
    let proxy = echo().await;
    let mut stream = connected(&proxy).await;
    let much: Vec<u8> = (0..1_000_000_u32).map(|number| number as u8).collect();
    let (mut from, mut to) = stream.split();
    let (back, ()) = tokio::join!(
        async {
            let mut back = vec![0; much.len()];
            from.read_exact(&mut back).await.unwrap();
            back
        },
        async { to.write_all(&much).await.unwrap() }
    );
    assert!(back == much, "it came back as another");
    assert_eq!(BOTH.map(|direction| proxy.forwarded(direction)), [1_000_005, 1_000_005]);
    assert_eq!((proxy.accepted(), proxy.open()), (1, 1));
}

#[tokio::test]
async fn an_end_goes_through_in_its_order() {
    let proxy = echo().await;
    let mut stream = connected(&proxy).await;
    stream.write_all(b"last words").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(ended(&mut stream).await, Ok(10));
}

#[tokio::test]
async fn a_cut_ends_what_is_open_and_lets_new_connections_through() {
    for (how, end) in [(Cut::Reset, Err(io::ErrorKind::ConnectionReset)), (Cut::Close, Ok(0))] {
        let proxy = echo().await;
        let mut streams = [connected(&proxy).await, connected(&proxy).await];
        proxy.cut(how);
        for stream in &mut streams {
            assert_eq!(ended(stream).await, end);
        }
        connected(&proxy).await;
    }
}

#[tokio::test]
async fn a_cut_comes_after_the_chosen_byte() {
    let proxy = echo().await;
    let mut stream = connected(&proxy).await;
    let before = proxy.forwarded(Direction::ToServer);
    let fired = proxy.cut_at(Moment::After { direction: Direction::ToServer, bytes: 25 }, Cut::Close);
    assert_eq!(said_back(&mut stream, b"ten bytes.").await, b"ten bytes.");
    stream.write_all(b"and twenty more of them").await.unwrap();
    fired.wait().await;
    ended(&mut stream).await.unwrap();
    assert_eq!(proxy.forwarded(Direction::ToServer) - before, 25);
}

#[tokio::test]
async fn a_cut_waits_for_a_large_portion_and_falls_into_it() {
    for (arrives, passed) in [(0, 0), (100, 100), (usize::MAX, 400)] {
        let proxy = echo().await;
        let mut stream = connected(&proxy).await;
        let large = Moment::Portion { direction: Direction::ToServer, at_least: 300, arrives };
        let fired = proxy.cut_at(large, Cut::Close);
        said_back(&mut stream, &[1; 99]).await;
        let before = proxy.forwarded(Direction::ToServer);
        stream.write_all(&[2; 400]).await.unwrap();
        fired.wait().await;
        ended(&mut stream).await.unwrap();
        assert_eq!(proxy.forwarded(Direction::ToServer) - before, passed);
        connected(&proxy).await;
    }
}

#[tokio::test]
async fn a_stall_holds_back_each_way_alone_and_loses_nothing() {
    for direction in BOTH {
        let proxy = echo().await;
        let mut stream = connected(&proxy).await;
        let before = proxy.forwarded(Direction::ToServer);
        proxy.stall(&[direction]);
        stream.write_all(b"anybody?").await.unwrap();
        is_quiet(&mut stream).await;
        let arrived = proxy.forwarded(Direction::ToServer) - before;
        assert_eq!(arrived, if direction == Direction::ToServer { 0 } else { 8 });
        proxy.heal().await;
        assert_eq!(heard(&mut stream, 8).await, b"anybody?");
    }
}

#[tokio::test]
async fn a_stall_hides_the_end_of_a_connection_and_takes_new_ones() {
    let proxy = echo().await;
    let stream = connected(&proxy).await;
    proxy.stall(&BOTH);
    drop(stream);
    let mut new = TcpStream::connect(proxy.address()).await.unwrap();
    new.write_all(b"hello").await.unwrap();
    is_quiet(&mut new).await;
    assert_eq!(proxy.open(), 2, "the server was told");
    proxy.heal().await;
    assert_eq!(heard(&mut new, 5).await, b"hello");
}

#[tokio::test]
async fn a_stall_holds_a_bounded_amount() {
    let proxy = echo().await;
    let mut stream = connected(&proxy).await;
    proxy.stall(&[Direction::ToServer]);
    let mut taken = 0;
    while let Ok(written) = timeout(A_WHILE, stream.write(&[0; PORTION])).await {
        taken += written.unwrap();
        assert!(taken < 64 << 20, "it takes without end");
    }
}

#[tokio::test]
async fn a_delay_is_kept_in_order() {
    let proxy = echo().await;
    let mut stream = connected(&proxy).await;
    let delay = Duration::from_millis(200);
    proxy.delay(&BOTH, delay);
    let began = Instant::now();
    for word in [b"one", b"two", b"six"] {
        stream.write_all(word).await.unwrap();
    }
    assert_eq!(heard(&mut stream, 9).await, b"onetwosix");
    let took = began.elapsed();
    assert!(took >= 2 * delay && took < 4 * delay, "{took:?}");
}

#[tokio::test]
async fn a_low_rate_is_kept() {
    let proxy = echo().await;
    let mut stream = connected(&proxy).await;
    proxy.throttle(&[Direction::ToServer], 10_000);
    let began = Instant::now();
    said_back(&mut stream, &[7; 5_000]).await;
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(450) && took < Duration::from_millis(1_500), "{took:?}");
    proxy.heal().await;
    let began = Instant::now();
    said_back(&mut stream, &[7; 5_000]).await;
    assert!(began.elapsed() < Duration::from_millis(450));
}

#[tokio::test]
async fn a_refusal_lets_open_connections_be_and_ends_with_healing() {
    let proxy = echo().await;
    let mut stream = connected(&proxy).await;
    proxy.refuse().await;
    let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    said_back(&mut stream, b"still here").await;
    proxy.heal().await;
    connected(&proxy).await;
}

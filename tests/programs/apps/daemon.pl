use HTTP::Daemon;
my $daemon = HTTP::Daemon->new(LocalAddr => '127.0.0.1', LocalPort => $ARGV[0], ReuseAddr => 1) or die "listen: $!";
$SIG{PIPE} = 'IGNORE';
while (my $client = $daemon->accept) {
    if (my $request = $client->get_request) {
        $client->send_response(HTTP::Response->new(200, 'OK', ['Connection' => 'close'],
            "pid=$$ peer=" . $client->peerhost . ":" . $client->peerport . "\n"));
    }
    $client->close;
}

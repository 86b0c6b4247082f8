sub {
    my $env = shift;
    return [200, ['Content-Type' => 'text/plain'], ["pid=$$ peer=$env->{REMOTE_ADDR}:$env->{REMOTE_PORT}\n"]];
};

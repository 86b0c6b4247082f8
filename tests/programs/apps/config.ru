run lambda { |env|
  peer = env['puma.socket'] ? env['puma.socket'].peeraddr : nil
  [200, { 'Content-Type' => 'text/plain' }, ["pid=#{Process.pid} peer=#{env['REMOTE_ADDR']}:#{peer && peer[1]}\n"]]
}

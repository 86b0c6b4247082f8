require 'webrick'
server = WEBrick::HTTPServer.new(BindAddress: '127.0.0.1', Port: ARGV[0].to_i, AccessLog: [])
server.mount_proc('/') do |request, response|
  response.body = "pid=#{Process.pid} peer=#{request.peeraddr[3]}:#{request.peeraddr[1]}\n"
end
trap('TERM') { server.shutdown }
server.start

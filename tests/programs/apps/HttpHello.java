import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;

public class HttpHello {
    public static void main(String[] args) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])), 0);
        long pid = ProcessHandle.current().pid();
        server.createContext("/", exchange -> {
            InetSocketAddress peer = exchange.getRemoteAddress();
            byte[] body = ("pid=" + pid + " peer=" + peer.getAddress().getHostAddress() + ":" + peer.getPort() + "\n").getBytes();
            exchange.getResponseHeaders().set("Connection", "close");
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.start();
    }
}

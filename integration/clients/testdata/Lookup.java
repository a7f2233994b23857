// Prints the addresses of each host that it reads, and an empty line behind.
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Scanner;

class Lookup {
	public static void main(String[] args) {
		for (Scanner hosts = new Scanner(System.in); hosts.hasNextLine();) {
			try {
				for (InetAddress found : InetAddress.getAllByName(hosts.nextLine()))
					System.out.println(found.getHostAddress());
			} catch (UnknownHostException e) {
				// only the message tells one reason from another
				if (e.getMessage().contains("emporary"))
					System.out.println("! " + e.getMessage());
			}
			System.out.println();
			System.out.flush();
		}
	}
}

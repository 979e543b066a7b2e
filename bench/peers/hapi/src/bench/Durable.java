package bench;

import ca.uhn.hl7v2.DefaultHapiContext;
import ca.uhn.hl7v2.HL7Exception;
import ca.uhn.hl7v2.HapiContext;
import ca.uhn.hl7v2.app.HL7Service;
import ca.uhn.hl7v2.model.Message;
import ca.uhn.hl7v2.parser.GenericModelClassFactory;
import ca.uhn.hl7v2.protocol.ReceivingApplication;
import ca.uhn.hl7v2.protocol.ReceivingApplicationException;
import ca.uhn.hl7v2.validation.impl.ValidationContextFactory;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Scanner;
import java.util.concurrent.atomic.AtomicLong;

/**
 * HAPI's MLLP server, made durable: each message is appended to a file and forced to disk before its ACK.
 *
 * <p>HAPI as its fastest: generic structures, no validation. Appending excludes others, forcing does not, so that the
 * system may write what several connections wait for in one go. Usage: {@code bench.Durable FILE}. It prints its port;
 * each line it reads is answered with CPU seconds so far, messages and forces; it ends with its input.
 */
public final class Durable implements ReceivingApplication<Message> {
  private static final byte[] END = {0x1c};

  private final FileChannel file;
  private final AtomicLong kept = new AtomicLong();

  private Durable(Path path) throws IOException {
    file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.APPEND);
  }

  @Override
  public Message processMessage(Message message, Map<String, Object> metadata)
      throws ReceivingApplicationException, HL7Exception {
    try {
      ByteBuffer bytes = ByteBuffer.wrap(message.encode().getBytes(StandardCharsets.UTF_8));
      synchronized (file) {
        while (bytes.hasRemaining()) {
          file.write(bytes);
        }
        file.write(ByteBuffer.wrap(END));
      }
      file.force(false);
      kept.incrementAndGet();
      return message.generateACK();
    } catch (IOException error) {
      throw new ReceivingApplicationException("the message could not be stored", error);
    }
  }

  @Override
  public boolean canProcess(Message message) {
    return true;
  }

  public static void main(String[] arguments) throws Exception {
    System.setProperty("ca.uhn.hl7v2.llp.charset", "UTF-8");
    Durable application = new Durable(Path.of(arguments[0]));
    HapiContext context = new DefaultHapiContext();
    context.setModelClassFactory(new GenericModelClassFactory());
    context.setValidationContext(ValidationContextFactory.noValidation());
    int port;
    try (ServerSocket probe = new ServerSocket(0)) {
      port = probe.getLocalPort();
    }
    HL7Service server = context.newServer(port, false);
    server.registerApplication("*", "*", application);
    server.startAndWait();
    System.out.println(port);
    com.sun.management.OperatingSystemMXBean system =
        (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    try (Scanner asked = new Scanner(System.in)) {
      while (asked.hasNextLine()) {
        asked.nextLine();
        long kept = application.kept.get();
        System.out.println(system.getProcessCpuTime() / 1e9 + " " + kept + " " + kept);
      }
    }
    System.exit(0);
  }
}

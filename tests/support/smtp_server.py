"""The mail server of the tests: smtp_server.py DIRECTORY PORT TLS USER PASSWORD. Writes DIRECTORY/mails/<n>.json for each mail
that it took, and DIRECTORY/connections, a byte for each connection."""
import asyncio, email, email.policy, json, os, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult

directory, port, tls, user, password = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
os.makedirs(directory + "/mails", exist_ok=True)
asked = set()
taken = len(os.listdir(directory + "/mails"))


class Handler:
    async def handle_EHLO(self, server, session, envelope, hostname):
        session.host_name = hostname
        return "250 HELP"

    async def handle_RCPT(self, server, session, envelope, address, options):
        who = address.strip("<>").split("@")[0]
        if who == "no":
            return "550 5.1.1 no such user"
        if who == "later-always" or (who == "later" and address not in asked):
            asked.add(address)
            return "451 4.7.1 greylisted, come again"
        if who == "stall":
            open(directory + "/stalled", "a").write("x")
            await asyncio.sleep(60)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        global taken
        if any(to.startswith("full@") for to in envelope.rcpt_tos):
            return "552 5.2.2 mailbox full"
        raw = envelope.original_content
        parsed = email.message_from_bytes(raw, policy=email.policy.default)
        text = lambda name: str(parsed[name]) if parsed[name] is not None else ""
        mail = {
            "from": envelope.mail_from, "to": envelope.rcpt_tos, "subject": text("Subject"), "header_to": text("To"),
            "reply_to": text("Reply-To"), "message_id": text("Message-ID"), "event_id": text("X-Fraiseql-Event-Id"),
            "auto_submitted": text("Auto-Submitted"), "pk": text("Fraiseql-Pk"), "body": parsed.get_content(), "raw": raw.decode("latin-1"),
            "encrypted": session.ssl is not None or tls == "tls", "user": (session.auth_data or ""),
            "defects": [str(d) for d in parsed.defects],
        }
        taken += 1
        name = "%s/mails/%06d" % (directory, taken)
        with open(name + ".new", "w") as out:
            json.dump(mail, out)
        os.rename(name + ".new", name + ".json")
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    good = data.login == user.encode() and data.password == password.encode()
    return AuthResult(success=good, auth_data=user) if good else AuthResult(success=False, handled=False)


context = None
if tls != "none":
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(directory + "/cert.pem", directory + "/key.pem")


def connection():
    with open(directory + "/connections", "a") as out:
        out.write("x")
    arguments = dict(enable_SMTPUTF8=False, hostname="localhost", data_size_limit=10_000_000)
    if user:
        arguments.update(authenticator=authenticate, auth_required=True, auth_require_tls=tls == "starttls")
    if tls == "starttls":
        arguments.update(tls_context=context, require_starttls=True)
    return SMTP(Handler(), **arguments)


async def main():
    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", port, ssl=context if tls == "tls" else None)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())

import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

import { HOST } from './world';

/** A mail server that takes every mail and keeps it as it comes. */
export async function startInbox() {
	const mails: string[] = [];
	const server = createServer((socket) => {
		let mail: string | undefined;
		socket.write('220 inbox\r\n');
		socket.setEncoding('utf8').on('data', (text: string) => {
			if (mail !== undefined) {
				mail += text;
				if (!mail.endsWith('\r\n.\r\n')) return;
				mails.push(mail);
				mail = undefined;
			} else if (text === 'DATA\r\n') {
				mail = '';
				socket.write('354 go on\r\n');
				return;
			}
			socket.write(text === 'QUIT\r\n' ? '221 bye\r\n' : '250 ok\r\n');
		});
	});
	await once(server.listen(0, HOST), 'listening');
	return { mails, port: (server.address() as AddressInfo).port, close: () => server.close() };
}

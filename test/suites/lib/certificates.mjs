// Certificates as librdkafka's cluster tool makes them for its tests of TLS: an authority, another one that signs
// nothing, a broker and a client, each key and certificate in PEM and DER, the client's also as PKCS#12.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PASSWORD = 'abcd1234';

/**
 * @param {string} directory where they are written
 * @returns {{ broker: Record<string, string>, conf: Record<string, string>, env: Record<string, string> }} for the
 *   broker's environment, for a client's configuration, and for the environment of the tests
 */
export function makeCertificates(directory) {
  const at = (name) => join(directory, name);
  const openssl = (...args) => execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });

  const authority = (name) => {
    const subject = ['-subj', `/CN=${name}`, '-days', '30', '-nodes'];
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      ...subject,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
    );
    openssl('x509', '-outform', 'der', '-in', `${name}.pem`, '-out', `${name}.der`);
  };
  const signed = (name, ...extensions) => {
    const key = ['-newkey', 'rsa:2048', '-keyout', `${name}.key`, '-passout', `pass:${PASSWORD}`];
    openssl('req', '-new', ...key, '-subj', `/CN=${name}`, '-out', `${name}.req`, ...extensions);
    const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-copy_extensions', 'copy'];
    openssl('x509', '-req', '-in', `${name}.req`, ...by, '-days', '30', '-out', `${name}.pem`);
  };

  authority('ca');
  authority('unused');
  writeFileSync(at('all.pem'), ['unused.pem', 'ca.pem'].map((name) => readFileSync(at(name))).join(''));
  signed('broker', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1');
  signed('client');
  const secret = ['-passin', `pass:${PASSWORD}`];
  openssl('x509', '-outform', 'der', '-in', 'client.pem', '-out', 'client.der');
  openssl('rsa', '-outform', 'der', ...secret, '-in', 'client.key', '-out', 'client-key.der');
  const store = ['-certfile', 'ca.pem', '-passout', `pass:${PASSWORD}`, '-out', 'client.pfx'];
  openssl('pkcs12', '-export', '-inkey', 'client.key', ...secret, '-in', 'client.pem', ...store);
  return {
    broker: {
      GENROCKS_KAFKA_TLS_KEY: at('broker.key'),
      GENROCKS_KAFKA_TLS_PASSPHRASE: PASSWORD,
      GENROCKS_KAFKA_TLS_CERT: at('broker.pem'),
      GENROCKS_KAFKA_TLS_CA: at('ca.pem'),
    },
    conf: {
      'ssl.ca.location': at('ca.pem'),
      'ssl.certificate.location': at('client.pem'),
      'ssl.key.location': at('client.key'),
      'ssl.key.password': PASSWORD,
    },
    env: {
      SSL_password: PASSWORD,
      SSL_pkcs: at('client.pfx'),
      SSL_pub_pem: at('client.pem'),
      SSL_pub_der: at('client.der'),
      SSL_priv_pem: at('client.key'),
      SSL_priv_der: at('client-key.der'),
      SSL_ca_pem: at('ca.pem'),
      SSL_ca_der: at('ca.der'),
      SSL_all_cas_pem: at('all.pem'),
    },
  };
}

/**
 * Which servers a client trusts: the option `tls`, and, if the option names no authority, the authorities that Node
 * trusts. The addon reads the system's authorities itself. It cannot see Node's, so the client hands them over.
 */
import fs from 'node:fs';
import type { TlsOptions } from '../../index';
import type { NativeConfig } from '../native/binding';
import { check, ofType, optionError, type Rule, rulesOf } from '../rules';

/** With colons, as openssl and Node write it, or without. */
const FINGERPRINT = /^[0-9a-f]{2}(:?[0-9a-f]{2}){31}$/i;

const areFingerprints: Rule = (value) => {
  const texts: unknown[] = Array.isArray(value) ? value : [value];
  const fits = texts.length > 0 && texts.every((text) => typeof text === 'string' && FINGERPRINT.test(text));
  return fits ? undefined : 'must be the SHA-256 of a certificate, 64 hexadecimal digits, or an array of such texts';
};

const TLS_RULES = rulesOf<keyof TlsOptions>({
  ca: ofType('string'),
  cert: ofType('string'),
  key: ofType('string'),
  servername: ofType('string'),
  fingerprint256: areFingerprints,
});

/** @throws ActonceError `ERR_INVALID_ARGUMENT` */
export function tlsOptions(tls: TlsOptions | undefined, url: string): Pick<NativeConfig, 'tls'> {
  if (tls !== undefined) check(TLS_RULES, tls, 'option tls', 'tls.');
  const { ca, cert, key, servername, fingerprint256 } = tls ?? {};
  if ((cert === undefined) !== (key === undefined)) throw optionError('tls', 'needs cert and key together');
  if (ca !== undefined && fingerprint256 !== undefined) {
    throw optionError('tls.fingerprint256', 'must not be given together with ca');
  }
  const needsRoots = url.startsWith('rediss') && ca === undefined && fingerprint256 === undefined;
  if (tls === undefined && !needsRoots) return {};
  return {
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
      ...(servername === undefined ? {} : { servername }),
      ...(fingerprint256 === undefined ? {} : { fingerprint256: [fingerprint256].flat() }),
      ...(needsRoots ? { roots: rootsOfNode() } : {}),
    },
  };
}

/** The authorities that Node's own TLS trusts by default, and the extra file. */
function rootsOfNode(): string {
  const { getCACertificates, rootCertificates } = nodeTls();
  // Node 22.15 and newer say what they trust, the extra file included. Older versions show only their own list.
  return [...(getCACertificates?.('default') ?? rootCertificates ?? []), extraFile()].join('\n');
}

interface NodeTls {
  readonly getCACertificates?: (type: 'default') => string[];
  readonly rootCertificates?: readonly string[];
}

function nodeTls(): NodeTls {
  try {
    return require('node:tls') as NodeTls;
  } catch {
    return {}; // this Node was built without TLS
  }
}

function extraFile(): string {
  try {
    return fs.readFileSync(process.env.NODE_EXTRA_CA_CERTS ?? '', 'utf8');
  } catch {
    return ''; // Node has already warned about a file that it cannot read
  }
}

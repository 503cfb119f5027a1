/**
 * A self-signed certificate for tests of TLS, made without openssl: DER by hand, for 127.0.0.1 and one name, for a day.
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

export type Certificate = { readonly certificate: string; readonly key: string }

/** Certificate and private key as PEM; a client that is given the certificate as its authority accepts it. */
export function selfSigned(name: string): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ecdsaWithSha256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))
  const commonName = sequence(set(sequence(oid(0x55, 0x04, 0x03), tlv(0x0c, Buffer.from(name)))))
  const day = 86_400_000
  const names = sequence(tlv(0x82, Buffer.from(name)), tlv(0x87, Buffer.from([127, 0, 0, 1])))
  const subjectAltName = sequence(oid(0x55, 0x1d, 0x11), tlv(0x04, names))
  const isAuthority = sequence(oid(0x55, 0x1d, 0x13), tlv(0x04, sequence(tlv(0x01, Buffer.from([0xff])))))
  const body = sequence(
    tlv(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsaWithSha256,
    commonName,
    sequence(utcTime(Date.now() - day), utcTime(Date.now() + day)),
    commonName,
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(subjectAltName, isAuthority)),
  )
  const signature = tlv(0x03, Buffer.from([0]), sign('sha256', body, privateKey))
  const base64 = sequence(body, ecdsaWithSha256, signature).toString('base64')
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  }
}

const sequence = (...parts: Buffer[]): Buffer => tlv(0x30, ...parts)
const set = (...parts: Buffer[]): Buffer => tlv(0x31, ...parts)
const oid = (...bytes: number[]): Buffer => tlv(0x06, Buffer.from(bytes))
const integer = (bytes: Buffer): Buffer => tlv(0x02, bytes)

/** `YYMMDDHHMMSSZ`. */
function utcTime(at: number): Buffer {
  return tlv(0x17, Buffer.from(`${new Date(at).toISOString().replace(/\D/g, '').slice(2, 14)}Z`))
}

function tlv(tag: number, ...parts: Buffer[]): Buffer {
  const value = Buffer.concat(parts)
  const { length } = value
  const header =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(header), value])
}

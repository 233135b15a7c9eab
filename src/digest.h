/*
 * digest.h
 *	  SHA-256 as text.
 */
#ifndef WD_DIGEST_H
#define WD_DIGEST_H

#define WD_SHA256_HEX_LEN 64

extern void wd_sha256_hex(const char *data, size_t len, char *hex);

#endif							/* WD_DIGEST_H */

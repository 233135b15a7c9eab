#!/usr/bin/env python3
"""Writes the deliveries of a corpus for COPY, as generate.py does.

NAME.json is a payload, NAME.headers.json its headers.  Of the providers that
are given, the own one of a document, named by what stands before the first
hyphen of NAME, comes with the source "own", every other one with "corpus".
"""

import argparse
import json
import pathlib
import sys


def main():
    """Write each document for each provider."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("providers", help="separated by commas")
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    args = parser.parse_args()

    number = 0
    for folder in args.folders:
        files = [f for f in sorted(folder.glob("*.json"))
                 if not f.name.endswith(".headers.json")]
        if not files:
            sys.exit("no documents in %s" % folder)
        for file in files:
            beside = file.with_suffix(".headers.json")
            headers = json.loads(beside.read_text("utf-8")) \
                if beside.exists() else {}
            for provider in args.providers.split(","):
                number -= 1
                own = beside.exists() or folder.name == "corpus"
                source = "own" if own and \
                    file.stem.split("-")[0] == provider else "corpus"
                print(number, source, provider, "f",
                      "\\\\x" + file.read_bytes().hex(),
                      json.dumps(headers).replace("\\", "\\\\"), sep="\t")


if __name__ == "__main__":
    main()

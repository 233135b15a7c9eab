"""A proxy between clients and a server, both on Unix sockets, that can
fail as a network does."""

import asyncio
import contextlib
import threading


class Link:
  """One client's connection to the server."""

  def __init__(self, client, server):
    self.client = client
    self.server = server
    self.mute = False

  def close(self):
    for writer in (self.client[1], self.server[1]):
      writer.transport.abort()

  async def run(self):
    copies = [
      asyncio.ensure_future(self._copy(self.client[0], self.server[1], True)),
      asyncio.ensure_future(self._copy(self.server[0], self.client[1], False)),
    ]
    await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
    self.close()
    await asyncio.wait(copies)

  async def _copy(self, reader, writer, to_server):
    with contextlib.suppress(OSError):
      while data := await reader.read(65536):
        if to_server or not self.mute:
          writer.write(data)
          await writer.drain()


class Proxy:
  """Forwards each (listening path, server path) pair given."""

  def __init__(self, routes):
    self._links = set()
    self._listeners = []
    self._loop = asyncio.new_event_loop()
    self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
    self._thread.start()
    for listen, server in routes:
      self._call(self._listen(listen, server))

  def cut(self, chosen):
    """Break the connections for whose index chosen() is true, at once."""
    return self._call(self._cut(chosen, 0))

  def drop_replies(self, chosen, seconds):
    """Break them too, but let requests through for a while before."""
    return self._call(self._cut(chosen, seconds))

  def stop(self):
    self._call(self._close())
    self._loop.call_soon_threadsafe(self._loop.stop)
    self._thread.join()
    self._loop.close()

  def _call(self, coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

  async def _listen(self, listen, server):
    async def serve(reader, writer):
      try:
        upstream = await asyncio.open_unix_connection(server)
      except OSError:
        writer.transport.abort()
        return
      link = Link((reader, writer), upstream)
      self._links.add(link)
      try:
        await link.run()
      finally:
        self._links.discard(link)

    self._listeners.append(await asyncio.start_unix_server(serve, listen))

  async def _close(self):
    for listener in self._listeners:
      listener.close()
    for link in list(self._links):
      link.close()
    while self._links:
      await asyncio.sleep(0.01)

  async def _cut(self, chosen, seconds):
    links = [link for i, link in enumerate(list(self._links)) if chosen(i)]
    for link in links:
      link.mute = seconds > 0
    await asyncio.sleep(seconds)
    for link in links:
      link.close()
    return len(links)

"""The built-in TLS, but a session takes of the chip's memory what it takes there, and fails where there is no room."""

import errno
import socket

import simidf
import tls
from tls import *  # noqa: F403

_MPI_ALLOC_FAILED = -0x10


class SSLContext:
    def __init__(self, protocol):
        self._context = tls.SSLContext(protocol)

    @property
    def verify_mode(self):
        return self._context.verify_mode

    @verify_mode.setter
    def verify_mode(self, mode):
        self._context.verify_mode = mode

    def load_verify_locations(self, cadata):
        self._context.load_verify_locations(cadata)

    def load_cert_chain(self, cert, key):
        self._context.load_cert_chain(cert, key)

    def get_ciphers(self):
        return self._context.get_ciphers()

    def set_ciphers(self, ciphers):
        self._context.set_ciphers(ciphers)

    def wrap_socket(self, sock, **options):
        socket.forget_closed()
        memory = simidf.Allocation()
        try:
            memory.add(simidf.allocate(simidf.cost("tls_block")))
            memory.add(simidf.allocate_parts(simidf.cost("tls") - memory.size(), False))
        except simidf.NoMemory:
            memory.free()
            raise OSError(errno.ENOMEM)
        try:
            simidf.allocate_parts(simidf.cost("tls_opening") - simidf.cost("tls"), False).free()
        except simidf.NoMemory:
            memory.free()
            raise OSError(_MPI_ALLOC_FAILED, "MBEDTLS_ERR_MPI_ALLOC_FAILED")
        try:
            wrapped = self._context.wrap_socket(sock, **options)
        except Exception:
            memory.free()
            raise
        socket.keep(sock, memory)
        return wrapped

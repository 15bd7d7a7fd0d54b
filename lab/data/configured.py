"""A TFDS builder whose configs are not listed but read from their names."""

from __future__ import annotations

import abc

import tensorflow_datasets as tfds


class ConfiguredBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """TFDS asks such a builder for a config by name, as it asks others for one of a list."""

    @classmethod
    @abc.abstractmethod
    def config_name(cls, asked: str | None) -> str:
        """The full name of the config that was asked for; None asks for the default one.

        Raises:
            UsageError: there can be no such config.
        """

    @classmethod
    def get_builder_config(
        cls, name: str, version: str | tfds.core.Version | None = None
    ) -> tfds.core.BuilderConfig:
        """The config of that name, whose every version is the builder's."""
        return tfds.core.BuilderConfig(name=cls.config_name(name))

    def get_default_builder_config(self) -> tfds.core.BuilderConfig:
        return self.get_builder_config(self.config_name(None))

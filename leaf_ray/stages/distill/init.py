"""The encoder that a leaf begins as, and whether it suits the space and the settings."""

from dataclasses import replace
from pathlib import Path

from leaf_ray.config.distill_section import DistillConfig
from leaf_ray.core.space.space import Space, require_same_space
from leaf_ray.errors import ConfigError
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.leaf_folder import leaf_space
from leaf_ray.models.loaded_tokenizer import LoadedTokenizer
from leaf_ray.models.resolve import resolve_model


def resolve_init(settings: DistillConfig, space: Space) -> ModelFolder:
    """Find the folder of `distill.init`, and refuse what no leaf of this space can begin as.

    Raises:
        ModelNotFound: there is none.
        ConfigError: it reads too few tokens, cannot pad, or lacks a layer that is named.
        SpaceMismatch: its head is to be kept, and is of another space.
    """
    # A leaf pools its prompt, whatever the model does that it begins as.
    init = replace(ModelFolder.read(resolve_model(settings.init)), pools_prompt=True)
    check_init(init, space)
    check_layers(settings, init)
    check_head(settings, init.path, space)
    return init


def check_init(folder: ModelFolder, space: Space) -> None:
    """Refuse an encoder that cannot read what the teacher read.

    Raises:
        ConfigError: it reads too few tokens, or cannot pad.
    """
    if folder.positions is not None and folder.positions < space.max_length:
        raise ConfigError(
            f"distill.init {folder.path.name} reads at most {folder.positions} tokens, but the "
            f"space {space} has texts of {space.max_length}: name another model, or make "
            f"the vectors again with space.max_length={folder.positions}"
        )
    # Many kinds of tokenizer have such a token though no file says so.
    if not folder.pads and not LoadedTokenizer.of(folder).pads:
        raise ConfigError(
            f"the tokenizer of distill.init {folder.path.name} has no padding token, so texts of "
            "different lengths cannot share a batch: set pad_token in its tokenizer_config.json, "
            "or name another model"
        )


def check_layers(settings: DistillConfig, init: ModelFolder) -> None:
    """Refuse layers that the encoder has not.

    Raises:
        ConfigError: as said.
    """
    beyond = [layer for layer in settings.init_layers if init.layers and layer > init.layers]
    if beyond:
        raise ConfigError(
            f"distill.init_layers names layer {beyond[0]}, but the encoder has layers 1 to "
            f"{init.layers}"
        )


def check_head(settings: DistillConfig, init: Path, space: Space) -> None:
    """Refuse the head of what is no leaf of this space; how long its texts were does not matter.

    Raises:
        SpaceMismatch: as said.
    """
    if settings.head == "init":
        theirs = replace(leaf_space(init), max_length=space.max_length)
        require_same_space(space, theirs, our_name="this run", their_name=f"distill.init {init}")

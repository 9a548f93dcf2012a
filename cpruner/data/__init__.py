"""Datasets as three disjoint splits: ``train``, ``search`` (held out of training data), ``test`` (reported only)."""

from cpruner.data.batches import Batches as Batches
from cpruner.data.batches import SeededBatches as SeededBatches
from cpruner.data.batches import TensorBatches as TensorBatches
from cpruner.data.cache import data_cache as data_cache
from cpruner.data.cifar10 import Cifar10 as Cifar10
from cpruner.data.digits import Digits as Digits
from cpruner.data.folder_batches import FolderBatches as FolderBatches
from cpruner.data.image_folder import ImageFolder as ImageFolder
from cpruner.data.normalise import Normalise as Normalise
from cpruner.data.splits import DataSpec as DataSpec
from cpruner.data.splits import Splits as Splits
from cpruner.data.stratify import stratified as stratified

__all__ = [
    "Batches",
    "Cifar10",
    "DataSpec",
    "Digits",
    "FolderBatches",
    "ImageFolder",
    "Normalise",
    "SeededBatches",
    "Splits",
    "TensorBatches",
    "data_cache",
    "stratified",
]
